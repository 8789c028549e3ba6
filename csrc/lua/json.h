/* Reads JSON through a private lua-cjson, and cleans what it gives by the shape AWS documents. What
 * is sent is written by aws/request. */
#ifndef CONNECTPARTICIPANT_JSON_H
#define CONNECTPARTICIPANT_JSON_H

#include "base/hidden.h"
#include "lua/compat.h"

#include <stdbool.h>

HIDDEN_BEGIN

struct member;

/* Makes the private instance. Called once, when the module is loaded. */
void json_open(lua_State *L);

/* Pushes the table a JSON object stands for, or nil and a sentence; returns whether it worked.
 * Nothing but one object, and white space, may be in the text. */
bool json_push_object(lua_State *L, const char *text, size_t size);

enum { JSON_PATH = 256 };

/* Brings the table at `index` into shape: nulls are removed, whole numbers become integers, and
 * members that the model does not know are kept. False when a member is not what it should be:
 * `path` then says which. */
bool json_shape(lua_State *L, int index, const struct member *members, char path[JSON_PATH]);

HIDDEN_END

#endif
