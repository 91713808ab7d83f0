/* What our PRECIS and SASLprep say, for test_precis.py:
 *
 *     precis-dump properties   a digit for each code point from 0 to 10FFFF: its enum precis_property
 *     precis-dump strings      for each line of hexadecimal UTF-8 on stdin: UsernameCaseMapped, localpart,
 *                              OpaqueString, resourcepart and SASLprep, each in hexadecimal or as !, divided by
 *                              spaces */
#include "lib/base/arena.h"
#include "lib/base/base64.h"
#include "lib/xmpp/jid.h"
#include "lib/xmpp/precis.h"
#include "lib/xmpp/saslprep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(int error, struct str s, char end)
{
	if (error)
		putchar('!');
	else
		for (size_t i = 0; i < s.n; i++)
			printf("%02x", (unsigned char)s.p[i]);
	putchar(end);
}

static void dump_string(struct str in)
{
	struct arena *a = arena_new(4096, SIZE_MAX);
	struct str out = { NULL, 0 };
	const char *why;
	int error = precis_username_case_mapped(a, in, &out);
	print(error, out, ' ');
	error = jid_normalise_local(a, in, &out, &why);
	print(error, out, ' ');
	error = precis_opaque_string(a, in, &out);
	print(error, out, ' ');
	error = jid_normalise_resource(a, in, &out, &why);
	print(error, out, ' ');
	error = saslprep(a, in, &out);
	print(error, out, '\n');
	arena_free(&a);
}

static int dump_strings(void)
{
	char *line = NULL;
	size_t cap = 0;
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		struct str hex = str_trim(str_make(line, (size_t)n));
		if (!hex_decode(hex, line)) {
			fprintf(stderr, "not hexadecimal: %s\n", line);
			return 1;
		}
		dump_string(str_make(line, hex.n / 2));
	}
	free(line);
	return 0;
}

static int dump_properties(void)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++)
		putchar('0' + (int)precis_property(c));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "properties") == 0)
		return dump_properties();
	if (argc == 2 && strcmp(argv[1], "strings") == 0)
		return dump_strings();
	fprintf(stderr, "usage: %s properties|strings\n", argv[0]);
	return 2;
}
