/* Edit distance. A slip is a byte too many, one missing, a wrong one, or two neighbours swapped. */
#include "lib/base/nearest.h"

#define NAME_BYTES_MAX 64 /* longer names are never near */
#define SLIPS_MAX 2
#define PREFIX_BYTES_MIN 2

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* Optimal string alignment, keeping three rows of the table: row i is rows[i % 3]. */
static size_t distance(struct str a, struct str b)
{
	size_t rows[3][NAME_BYTES_MAX + 1];
	for (size_t j = 0; j <= b.n; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			row[j] = min3(row[j - 1] + 1, above[j] + 1, above[j - 1] + (a.p[i - 1] != b.p[j - 1]));
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
				above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return rows[a.n % 3][b.n];
}

static bool begins_the_other(struct str a, struct str b)
{
	return a.n >= PREFIX_BYTES_MIN && b.n >= PREFIX_BYTES_MIN && (str_has_prefix(a, b) || str_has_prefix(b, a));
}

/* A beginning counts as one slip: "cert" is nearer to "certificate" than to "port". Slips that leave less than a half
 * of what was meant are none: "x" is not near "on". */
void nearest_consider(struct nearest *n, struct str name)
{
	size_t slips = 1;
	if (name.n > NAME_BYTES_MAX || n->wrong.n > NAME_BYTES_MAX)
		return;
	if (!begins_the_other(n->wrong, name)) {
		if (name.n > n->wrong.n + SLIPS_MAX || n->wrong.n > name.n + SLIPS_MAX)
			return;
		slips = distance(n->wrong, name);
		if (slips > SLIPS_MAX || 2 * slips > name.n)
			return;
	}
	if (n->best.n == 0 || slips < n->slips) {
		n->best = name;
		n->slips = slips;
	}
}
