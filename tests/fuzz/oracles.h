/* What expat and libxml2 make of a document, in one form that trees of ours can be put into as well: names with their
 * namespaces, attributes in order of their names, text in one piece. For xml.c.
 *
 * The form: \1 begins an element, \2 an attribute, \3 a text; \4 stands between the parts of them; \5 ends an element.
 * None of these characters can be in a document. */
#ifndef LINNET_FUZZ_ORACLES_H
#define LINNET_FUZZ_ORACLES_H

#include "lib/base/buf.h"
#include "lib/base/fault.h"
#include "lib/base/str.h"

#include <expat.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
	struct buf form;
	bool accepted;
	bool in_text; /* the form ends with a text */
	const char *why;
	int code; /* of the oracle's error */
};

static inline void reading_init(struct reading *r)
{
	*r = (struct reading){ .accepted = false };
	buf_init(&r->form, SIZE_MAX / 2);
}

static inline void reading_fini(struct reading *r)
{
	buf_fini(&r->form);
}

static inline void form_open(struct reading *r, struct str ns, struct str name)
{
	r->in_text = false;
	buf_lit(&r->form, "\1");
	buf_add(&r->form, ns);
	buf_lit(&r->form, "\4");
	buf_add(&r->form, name);
}

static inline void form_text(struct reading *r, struct str text)
{
	if (text.n == 0)
		return;
	if (!r->in_text)
		buf_lit(&r->form, "\3");
	r->in_text = true;
	buf_add(&r->form, text);
}

static inline void form_close(struct reading *r)
{
	r->in_text = false;
	buf_lit(&r->form, "\5");
}

/* Attributes of one element, to be put in order. */
#define FORM_ATTRS_MAX 4096

struct form_attr {
	struct str ns, name, value;
};

static inline int form_compare(const void *x, const void *y)
{
	const struct form_attr *a = x, *b = y;
	int d = str_cmp(a->ns, b->ns);
	return d ? d : str_cmp(a->name, b->name);
}

static inline void form_attrs(struct reading *r, struct form_attr *attrs, size_t count)
{
	if (count)
		qsort(attrs, count, sizeof(*attrs), form_compare);
	for (size_t i = 0; i < count; i++) {
		buf_lit(&r->form, "\2");
		buf_add(&r->form, attrs[i].ns);
		buf_lit(&r->form, "\4");
		buf_add(&r->form, attrs[i].name);
		buf_lit(&r->form, "\4");
		buf_add(&r->form, attrs[i].value);
	}
}

/* expat. */

/* "uri\nname\nprefix", "uri\nname" or "name". */
static inline void expat_split(const char *full, struct str *ns_r, struct str *name_r)
{
	struct str rest = str_from_c(full), first;
	*ns_r = (struct str){ 0 };
	if (str_cut(&rest, '\n', &first)) {
		*ns_r = first;
		str_cut(&rest, '\n', name_r);
	} else {
		*name_r = first;
	}
}

static inline void expat_start(void *ctx, const char *full, const char **attrs)
{
	struct reading *r = ctx;
	struct str ns, name;
	static struct form_attr all[FORM_ATTRS_MAX];
	size_t count = 0;
	expat_split(full, &ns, &name);
	form_open(r, ns, name);
	for (; attrs[2 * count]; count++) {
		assert_always(count < FORM_ATTRS_MAX);
		expat_split(attrs[2 * count], &all[count].ns, &all[count].name);
		all[count].value = str_from_c(attrs[2 * count + 1]);
	}
	form_attrs(r, all, count);
}

static inline void expat_end(void *ctx, const char *full)
{
	(void)full;
	form_close(ctx);
}

static inline void expat_text(void *ctx, const char *p, int n)
{
	form_text(ctx, str_make(p, (size_t)n));
}

static inline void read_with_expat(struct str text, struct reading *r)
{
	XML_Parser p = XML_ParserCreateNS("UTF-8", '\n');
	assert_always(p);
	XML_SetReturnNSTriplet(p, 1);
	XML_SetUserData(p, r);
	XML_SetElementHandler(p, expat_start, expat_end);
	XML_SetCharacterDataHandler(p, expat_text);
	r->accepted = XML_Parse(p, text.p, (int)text.n, 1) == XML_STATUS_OK;
	r->code = (int)XML_GetErrorCode(p);
	r->why = XML_ErrorString(XML_GetErrorCode(p));
	XML_ParserFree(p);
}

/* libxml2. */

/* It calls a namespace it cannot parse as a URI an error, which the recommendation does not. */
static inline void libxml_error(void *ctx, xmlErrorPtr e)
{
	struct reading *r = ctx;
	if (e->level < XML_ERR_ERROR || e->code == XML_WAR_NS_URI || e->code == XML_WAR_NS_URI_RELATIVE)
		return;
	r->accepted = false;
	r->code = e->code;
}

static inline struct str libxml_ns(const xmlNs *ns)
{
	return ns ? str_from_c((const char *)ns->href) : (struct str){ 0 };
}

static inline void libxml_start(struct reading *r, xmlNodePtr n)
{
	static struct form_attr all[FORM_ATTRS_MAX];
	size_t count = 0;
	form_open(r, libxml_ns(n->ns), str_from_c((const char *)n->name));
	for (xmlAttrPtr a = n->properties; a; a = a->next, count++) {
		assert_always(count < FORM_ATTRS_MAX);
		all[count].ns = libxml_ns(a->ns);
		all[count].name = str_from_c((const char *)a->name);
		all[count].value = str_from_c((const char *)xmlNodeListGetString(n->doc, a->children, 1));
	}
	form_attrs(r, all, count);
	for (size_t i = 0; i < count; i++)
		xmlFree((void *)(uintptr_t)all[i].value.p);
}

static inline void libxml_walk(struct reading *r, xmlNodePtr root)
{
	xmlNodePtr n = root;
	for (;;) {
		if (n->type == XML_ELEMENT_NODE)
			libxml_start(r, n);
		else if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE)
			form_text(r, str_from_c((const char *)n->content));
		if (n->type == XML_ELEMENT_NODE && n->children) {
			n = n->children;
			continue;
		}
		for (;;) {
			if (n->type == XML_ELEMENT_NODE)
				form_close(r);
			if (n == root)
				return;
			if (n->next)
				break;
			n = n->parent;
		}
		n = n->next;
	}
}

static inline xmlParserInputPtr libxml_load_nothing(const char *url, const char *id, xmlParserCtxtPtr ctxt)
{
	(void)url;
	(void)id;
	(void)ctxt;
	return NULL;
}

/* Entities are replaced: those that need no declaration are kept as references in namespaces otherwise. */
static inline void read_with_libxml(struct str text, struct reading *r)
{
	r->accepted = true;
	xmlSetExternalEntityLoader(libxml_load_nothing);
	xmlSetStructuredErrorFunc(r, libxml_error);
	xmlParserCtxtPtr ctxt = xmlNewParserCtxt();
	assert_always(ctxt);
	xmlDocPtr doc = xmlCtxtReadMemory(ctxt, text.n ? text.p : "", (int)text.n, NULL, "UTF-8",
		XML_PARSE_NOENT | XML_PARSE_NONET | XML_PARSE_HUGE);
	if (!doc || !ctxt->wellFormed)
		r->accepted = false;
	if (r->accepted)
		libxml_walk(r, xmlDocGetRootElement(doc));
	r->why = "libxml2";
	xmlFreeDoc(doc);
	xmlFreeParserCtxt(ctxt);
	xmlSetStructuredErrorFunc(NULL, NULL);
}

#endif
