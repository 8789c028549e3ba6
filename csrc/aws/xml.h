/* A minimal XML scanner for an object store's errors: elements, text and CDATA sections. Comments,
 * declarations and attributes are skipped; malformed XML ends the scan. */
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
  const char *text; /* an element's name without its prefix, or the raw text */
  size_t size;
  bool is_empty; /* for XML_OPEN: <Name/>, no XML_CLOSE follows */
};

void xml_begin(struct xml *xml, const char *text, size_t size);

/* Advances to the next token; false at the end. */
bool xml_next(struct xml *xml);

HIDDEN_END

#endif
