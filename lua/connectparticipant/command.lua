#!/usr/bin/env lua
-- The command `connectparticipant`: hands its arguments to connectparticipant.cli.

local core = require "connectparticipant.core"

core.hold_descriptors()
core.catch_signals(true)
local status, signal = require("connectparticipant.cli").main(arg)
if signal then core.end_by_signal(signal) end
os.exit(status, true)
