#!/usr/bin/env node
'use strict'
// The command `byname`: `npx byname help`.

const { addon } = require('../lib/addon.cjs')

process.exit(addon.command(process.argv.length - 2))
