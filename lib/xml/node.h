/* The tree of an element: nodes, attributes, text; how to read one and how to build one.
 *
 * Nodes live in an arena and are immutable once parsed or published: they may be read from any thread and shared
 * between trees of other arenas that live no longer. Names are two fields, (namespace, local name); there is no look-up
 * by local name alone. All text is UTF-8 and XML Char throughout. */
#ifndef LINNET_NODE_H
#define LINNET_NODE_H

#include "lib/base/arena.h"
#include "lib/base/macros.h"
#include "lib/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8 without a character that XML does not allow: may become text or an attribute value. */
bool xml_is_text(struct str s);

/* Stands for the content namespace of whatever stream the element is on (jabber:client, jabber:server, …): the parser
 * gives it to an element of the content namespace whose parents all are of it too. It cannot be received as a URI. */
#define XML_NS_CONTENT STR("\001content")
extern const struct str xml_ns_content;
/* The namespace of xml:lang. For attributes only: an element of it is refused by the parser. */
#define XML_NS_XML STR("http://www.w3.org/XML/1998/namespace")
extern const struct str xml_ns_xml;

struct xml_attr {
	const struct str *ns; /* NULL for the usual attribute, which is in no namespace */
	const char *name, *value;
	uint32_t name_n, value_n;
};

enum xml_kind { XML_ELEMENT, XML_TEXT };

struct xml_node {
	const struct xml_node *next; /* sibling, of either kind */
	const char *p; /* element: its local name; text: the text */
	uint32_t n;
	uint16_t attr_count;
	uint8_t kind;
	uint8_t built; /* made by xml_new */
	/* A text node's memory ends here. */
	const struct str *ns; /* &xml_ns_content, if that is what it is */
	const struct xml_node *children;
	/* A parsed element's memory ends here if attr_count is 0. */
	const struct xml_attr *attrs;
};

#define XML_NODE_BYTES_OF_TEXT offsetof(struct xml_node, ns)
#define XML_NODE_BYTES_WITHOUT_ATTRS offsetof(struct xml_node, attrs)

/* Reading. */

static inline struct str xml_name(const struct xml_node *e)
{
	return str_make(e->p, e->n);
}

static inline struct str xml_ns(const struct xml_node *e)
{
	return *e->ns;
}

static inline bool xml_is(const struct xml_node *e, struct str ns, struct str name)
{
	return str_eq(str_make(e->p, e->n), name) && str_eq(*e->ns, ns);
}

/* The value of an attribute in no namespace; {NULL, 0} if it is missing, non-NULL if it is there and empty. */
struct str xml_attr(const struct xml_node *e, struct str name);
struct str xml_attr_ns(const struct xml_node *e, struct str ns, struct str name);

/* The first child element, and the next sibling that is an element; NULL at the end. Text is passed over. */
const struct xml_node *xml_first(const struct xml_node *e);
const struct xml_node *xml_next(const struct xml_node *e);
#define XML_FOR_EACH_CHILD(child, e) for (const struct xml_node *child = xml_first(e); child; child = xml_next(child))

/* The first child of that name, or NULL. */
const struct xml_node *xml_child(const struct xml_node *e, struct str ns, struct str name);
/* How many child elements there are. */
size_t xml_child_count(const struct xml_node *e);
/* True if there is no child but text of white space. */
bool xml_is_empty(const struct xml_node *e);

/* The text directly inside the element, in one piece; borrowed if it is one piece already, else joined in `a`. */
struct str xml_text(const struct xml_node *e, struct arena *a);

/* The same tree: names, attributes (in any order), children in order, neighbouring text joined. No recursion. */
bool xml_equal(const struct xml_node *x, const struct xml_node *y);

/* Building. Slices are borrowed, not copied: they must live as long as the arena (literals do; arena_dup what does
 * not). What is added to must come from xml_new, or from a call below, in the same arena. */

struct xml_node *xml_new(struct arena *a, struct str ns, struct str name);
/* Sets an attribute in no namespace, or replaces it. */
void xml_set(struct arena *a, struct xml_node *e, struct str name, struct str value);
void xml_set_ns(struct arena *a, struct xml_node *e, struct str ns, struct str name, struct str value);
/* A new last child, which is returned to be filled. */
struct xml_node *xml_add(struct arena *a, struct xml_node *parent, struct str ns, struct str name);
/* The same with a text inside. */
struct xml_node *xml_add_with_text(
	struct arena *a, struct xml_node *parent, struct str ns, struct str name, struct str text);
void xml_add_text(struct arena *a, struct xml_node *parent, struct str text);
/* Appends a node of another tree. It is shared, but for its own top, which is copied. */
void xml_add_shared(struct arena *a, struct xml_node *parent, const struct xml_node *child);
/* A new element with the name and attributes of `e`, without its children. */
struct xml_node *xml_new_like(struct arena *a, const struct xml_node *e);
/* The whole tree, and all its bytes, in another arena. No recursion. */
struct xml_node *xml_dup(struct arena *a, const struct xml_node *e);

#endif
