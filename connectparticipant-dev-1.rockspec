rockspec_format = "3.0"
package = "connectparticipant"
version = "dev-1"
source = {
  url = "git+https://github.com/connectparticipant/lua-connectparticipant.git",
}
description = {
  summary = "The Amazon Connect Participant Service, with attachments done completely",
  detailed = [[
    Uploads and downloads attachments of Amazon Connect chats, and speaks all eleven operations of
    the Amazon Connect Participant Service, over libcurl: with retries, deadlines, streaming in
    constant memory, and many transfers at once; in plain Lua, and in OpenResty without blocking.
  ]],
  homepage = "https://github.com/connectparticipant/lua-connectparticipant",
  license = "MIT",
  labels = { "aws", "http", "network", "openresty" },
}
dependencies = {
  "lua >= 5.1, < 5.6",
  "lua-cjson >= 2.1.0",
  "argparse >= 0.7.1", -- for the command alone
}
-- No header: LuaRocks does not look for it in Debian's multiarch directory, where it is.
external_dependencies = {
  CURL = { library = "curl" },
}
build = {
  type = "builtin",
  modules = {
    ["connectparticipant.core"] = {
      sources = {
        "csrc/aws/endpoint.c",
        "csrc/aws/model.c",
        "csrc/aws/request.c",
        "csrc/aws/response.c",
        "csrc/aws/retry_after.c",
        "csrc/aws/storage.c",
        "csrc/aws/xml.c",
        "csrc/base/bell.c",
        "csrc/base/buffer.c",
        "csrc/base/clock.c",
        "csrc/base/disk.c",
        "csrc/base/escapes.c",
        "csrc/base/failure.c",
        "csrc/base/files.c",
        "csrc/base/forks.c",
        "csrc/base/newfile.c",
        "csrc/base/output.c",
        "csrc/base/pieces.c",
        "csrc/base/random.c",
        "csrc/base/secrets.c",
        "csrc/base/signals.c",
        "csrc/base/sink.c",
        "csrc/base/source.c",
        "csrc/base/suggest.c",
        "csrc/base/text.c",
        "csrc/base/thread.c",
        "csrc/base/watcher.c",
        "csrc/http/answer.c",
        "csrc/http/codes.c",
        "csrc/http/download.c",
        "csrc/http/easy.c",
        "csrc/http/engine.c",
        "csrc/http/epoller.c",
        "csrc/http/exchange.c",
        "csrc/http/lanes.c",
        "csrc/http/poller.c",
        "csrc/http/pollset.c",
        "csrc/http/sigpipe.c",
        "csrc/http/upload.c",
        "csrc/http/url.c",
        "csrc/http/urls.c",
        "csrc/lua/command.c",
        "csrc/lua/engine.c",
        "csrc/lua/error.c",
        "csrc/lua/exchange.c",
        "csrc/lua/fields.c",
        "csrc/lua/files.c",
        "csrc/lua/json.c",
        "csrc/lua/model.c",
        "csrc/lua/module.c",
        "csrc/lua/operation.c",
        "csrc/lua/params.c",
        "csrc/lua/process.c",
        "csrc/lua/result.c",
        "csrc/lua/settings.c",
        "csrc/lua/transfer.c",
        "csrc/lua/userdata.c",
        "csrc/lua/watcher.c",
      },
      defines = { "_GNU_SOURCE", "_FILE_OFFSET_BITS=64" },
      libraries = { "curl", "pthread" },
      incdirs = { "csrc", "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
    },
  },
  install = {
    bin = { connectparticipant = "lua/connectparticipant/command.lua" },
  },
}
test = {
  type = "command",
  command = "make test",
}
