/* Walks through XML, as far as an object store's errors need it: elements, text and CDATA sections.
 * Comments, declarations and attributes are passed over, and what is broken ends the walk. */
#ifndef CONNECTPARTICIPANT_XML_H
#define CONNECTPARTICIPANT_XML_H

#include "base/hidden.h"

#include <stdbool.h>
#include <stddef.h>

HIDDEN_BEGIN

enum xml_kind { XML_END, XML_OPEN, XML_CLOSE, XML_TEXT, XML_CDATA };

struct xml {
  const char *at, *end;
  enum xml_kind kind;
  const char *text; /* an element's name without its prefix, or the text as it stands */
  size_t size;
  bool is_empty; /* of what opens: <Name/> closes, too, and no XML_CLOSE follows */
};

void xml_begin(struct xml *xml, const char *text, size_t size);

/* Steps to the next; false at the end. */
bool xml_next(struct xml *xml);

HIDDEN_END

#endif
