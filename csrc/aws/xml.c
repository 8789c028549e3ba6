/* Scanning XML; see xml.h. */
#include "aws/xml.h"
#include "base/ascii.h"

#include <string.h>

void xml_begin(struct xml *xml, const char *text, size_t size) {
  *xml = (struct xml){.at = text, .end = text + size};
}

static bool starts(const struct xml *xml, const char *with) {
  size_t size = strlen(with);
  return (size_t)(xml->end - xml->at) >= size && memcmp(xml->at, with, size) == 0;
}

/* Finds a mark; returns the text's end if there is none. */
static const char *find(const struct xml *xml, const char *from, const char *mark) {
  const char *found = memmem(from, (size_t)(xml->end - from), mark, strlen(mark));
  return found == NULL ? xml->end : found;
}

/* Sets the current item to the text up to the mark, and continues after it. */
static void set_item(struct xml *xml, enum xml_kind kind, const char *from, const char *mark) {
  const char *found = find(xml, from, mark);
  xml->kind = kind;
  xml->text = from;
  xml->size = (size_t)(found - from);
  xml->at = found == xml->end ? found : found + strlen(mark);
}

/* Skips a comment or declaration; false if there is none here. */
static bool pass(struct xml *xml) {
  const char *mark = starts(xml, "<!--") ? "-->" : starts(xml, "<?") ? "?>" : ">";
  if (!starts(xml, "<?") && (!starts(xml, "<!") || starts(xml, "<![CDATA["))) return false;
  const char *found = find(xml, xml->at + 2, mark);
  xml->at = found == xml->end ? found : found + strlen(mark);
  return true;
}

static bool is_name(char c) {
  return !ascii_is_space(c) && c != '/' && c != '>' && c != '<' && c != '\0';
}

/* Reads a tag's name, dropping its namespace prefix. */
static const char *read_name(struct xml *xml, const char *at) {
  xml->text = at;
  for (; at < xml->end && is_name(*at); at++) {
    if (*at == ':') xml->text = at + 1;
  }
  xml->size = (size_t)(at - xml->text);
  return at;
}

/* Finds the tag's closing `>`, skipping attributes, whose values may contain one. */
static const char *end_of_tag(const struct xml *xml, const char *at) {
  char quote = '\0';
  for (; at < xml->end && (quote != '\0' || *at != '>'); at++) {
    if (quote == *at) {
      quote = '\0';
    } else if (quote == '\0' && (*at == '"' || *at == '\'')) {
      quote = *at;
    }
  }
  return at;
}

bool xml_next(struct xml *xml) {
  while (xml->at < xml->end && pass(xml)) {
  }
  xml->kind = XML_END;
  if (xml->at == xml->end) return false;
  bool closes = starts(xml, "</");
  const char *name = xml->at + (closes ? 2 : 1);
  if (*xml->at != '<' || (name < xml->end && !is_name(*name) && !starts(xml, "<![CDATA["))) {
    /* A `<` that does not start a tag is text. */
    xml->kind = XML_TEXT;
    xml->text = xml->at;
    xml->at = find(xml, xml->at + 1, "<");
    xml->size = (size_t)(xml->at - xml->text);
    return true;
  }
  if (starts(xml, "<![CDATA[")) {
    set_item(xml, XML_CDATA, xml->at + 9, "]]>");
    return true;
  }
  const char *end = end_of_tag(xml, read_name(xml, name));
  if (end == xml->end || xml->size == 0) {
    xml->at = xml->end;
    return false;
  }
  xml->kind = closes ? XML_CLOSE : XML_OPEN;
  xml->is_empty = !closes && end[-1] == '/';
  xml->at = end + 1;
  return true;
}
