/* The names of the errors, for logs. One line for each of enum xml_error. */
#include "lib/xml/xml.h"

const char *xml_error_text(int error)
{
	switch (error < 0 ? -error : error) {
	case XML_NOT_WELL_FORMED: return "not well-formed";
	case XML_RESTRICTED: return "restricted XML";
	case XML_LIMIT: return "over a limit";
	case XML_ENCODING: return "not UTF-8";
	case XML_VERSION: return "unsupported version of XML";
	case XML_FORBIDDEN: return "XML that has no place there";
	default: return "no XML error";
	}
}
