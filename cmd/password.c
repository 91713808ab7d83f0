/* Reading a password. */
#include "cmd/password.h"

#include "cmd/command.h"
#include "lib/base/str.h"
#include "lib/crypto/digest.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* One line without its end; false at the end of the file, or if it is too long. */
static bool read_line(FILE *f, char *password)
{
	if (!fgets(password, PASSWORD_BYTES_MAX + 1, f))
		return false;
	size_t n = strcspn(password, "\r\n");
	bool whole = password[n] != 0 || feof(f);
	password[n] = 0;
	return whole;
}

static bool ask(const char *prompt, char *password)
{
	struct termios before, quiet;
	fputs(prompt, stderr);
	bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
	if (is_terminal) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	bool ok = read_line(stdin, password);
	if (is_terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	return ok;
}

static int ask_twice(const char *command, char *password)
{
	char again[PASSWORD_BYTES_MAX + 1];
	bool ok = ask("Password: ", password) && ask("Again: ", again);
	bool same = ok && ct_equal(str_from_c(password), str_from_c(again));
	secret_wipe(again, sizeof(again));
	if (!same)
		fprintf(stderr, "linnet %s: %s\n", command, ok ? "the two are not the same" : "no password");
	return same ? 0 : EXIT_REFUSED;
}

int password_read(const char *command, const char *file, char password[PASSWORD_BYTES_MAX + 1])
{
	if (!file && isatty(STDIN_FILENO))
		return ask_twice(command, password);
	bool from_stdin = !file || strcmp(file, "-") == 0;
	FILE *f = from_stdin ? stdin : fopen(file, "r");
	if (!f) {
		fprintf(stderr, "linnet %s: cannot read %s: %s\n", command, file, strerror(errno));
		return EXIT_REFUSED;
	}
	bool ok = read_line(f, password);
	if (!from_stdin)
		fclose(f);
	if (ok && password[0])
		return 0;
	fprintf(stderr, "linnet %s: %s has no password in its first line (of at most %d bytes)\n", command,
		from_stdin ? "standard input" : file, PASSWORD_BYTES_MAX);
	return EXIT_REFUSED;
}
