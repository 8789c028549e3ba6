#!/usr/bin/env lua
-- The command `connectparticipant`; everything it does is in connectparticipant.cli.
os.exit(require("connectparticipant.cli").main(arg), true)
