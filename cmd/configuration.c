/* Reads --config and --data. */
#include "cmd/configuration.h"

#include "cmd/command.h"
#include "lib/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX (1u << 20)
#define DEFAULT_DATA STR("./linnet-data")

/* The file's text in `a`. */
static int read_file(struct arena *a, const char *path, const char *command, struct str *text_r)
{
	FILE *f = fopen(path, "rb");
	if (!f) {
		fprintf(stderr, "linnet %s: cannot read the configuration %s: %s\n", command, path, strerror(errno));
		return EXIT_USAGE;
	}
	char *p = arena_alloc_bytes(a, FILE_BYTES_MAX + 1);
	size_t n = fread(p, 1, FILE_BYTES_MAX + 1, f);
	int error = ferror(f) ? errno : n > FILE_BYTES_MAX ? EFBIG : 0;
	fclose(f);
	if (error) {
		fprintf(stderr, "linnet %s: cannot read the configuration %s: %s\n", command, path, strerror(error));
		return EXIT_USAGE;
	}
	*text_r = str_make(p, n);
	return 0;
}

int configuration_read(struct arena *a, const struct options *given, const char *command, const struct config **config_r)
{
	const char *file = options_value(given, "config"), *data = options_value(given, "data");
	struct str text = STR("");
	if (file) {
		int code = read_file(a, file, command, &text);
		if (code)
			return code;
	}
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct config_context context = {
		.file = file,
		.modules = module_list,
		.data = DEFAULT_DATA,
		.cores = cores > 0 ? (unsigned)cores : 1,
	};
	const struct config *config;
	struct buf errors;
	buf_init(&errors, CONFIG_ERRORS_BYTES_MAX);
	int r = config_read(a, text, &context, &config, &errors);
	if (r != 0) {
		fwrite(buf_str(&errors).p, 1, buf_len(&errors), stderr);
	} else {
		struct config *own = arena_alloc(a, sizeof(*own));
		*own = *config;
		if (data)
			own->data = str_from_c(data);
		*config_r = own;
	}
	buf_fini(&errors);
	return r == 0 ? 0 : EXIT_USAGE;
}
