/* Decodes JSON with a private lua-cjson instance and checks it against AWS's model. JSON for
 * requests is written by aws/request.c. */
#ifndef CONNECTPARTICIPANT_JSON_H
#define CONNECTPARTICIPANT_JSON_H

#include "base/hidden.h"
#include "lua/compat.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct member;

/* Makes the private lua-cjson instance. Called when the module is loaded. */
void json_open(lua_State *L);

/* Decodes a text that is one JSON object, surrounded only by white space. Pushes a table and
 * returns true, or pushes nil and a message and returns false. */
bool json_push_object(lua_State *L, const char *text, size_t size);

enum { JSON_PATH = 256 };

/* Checks the table at `index` against the members and normalises it: removes nulls, turns whole
 * numbers into integers, keeps unknown members. False if a member has the wrong type; `path` names
 * it. */
bool json_shape(lua_State *L, int index, const struct member *members, char path[JSON_PATH]);

HIDDEN_END

#endif
