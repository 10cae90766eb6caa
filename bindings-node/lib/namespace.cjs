'use strict'

const { addon } = require('./addon.cjs')
const { textOf } = require('./check.cjs')
const { wrongType } = require('./errors.cjs')

const KEY = Symbol('made by byname')

/** Which objects a name can mean: an arena shared by the processes that use the same one. */
class Namespace {
  #place

  constructor(key, place) {
    if (key !== KEY) throw wrongType('Namespace', 'made by Namespace.local() or Namespace.session(name)', key)
    this.#place = place
  }

  static local() {
    return new Namespace(KEY, addon.localNamespace())
  }

  static session(name) {
    return new Namespace(KEY, addon.sessionNamespace(textOf(name, 'name')))
  }

  static private(boundary, alias) {
    return new Namespace(KEY, addon.privateNamespace(textOf(boundary, 'boundary'), textOf(alias, 'alias')))
  }

  profile(profile) {
    if (profile !== 'desktop' && profile !== 'ce') throw wrongType('profile', "'desktop' or 'ce'", profile)
    return new Namespace(KEY, addon.profileNamespace(this.#place, profile === 'ce'))
  }

  get rules() {
    return addon.namespaceIsCe(this.#place) ? 'ce' : 'desktop'
  }

  get sessionName() {
    return addon.namespaceSession(this.#place)
  }

  get path() {
    return addon.namespacePath(this.#place)
  }

  /** The place in the addon's list of the namespace that `options` names; `undefined` for the local one. */
  static placeOf(namespace) {
    if (namespace === undefined) return undefined
    if (namespace === null || typeof namespace !== 'object' || !(#place in namespace)) throw wrongType('options.namespace', 'a Namespace', namespace)
    return namespace.#place
  }
}

const { placeOf } = Namespace
delete Namespace.placeOf

/** How much of the namespace this process uses now. */
function usage(namespace) {
  const [handles, owners, waiters, nodes, objects] = addon.usage(placeOf(namespace))
  return { handles, owners, waiters, nodes, objects }
}

/** Before the first namespace is used: byname installs no handler of SIGBUS. */
function leaveSigbusAlone() {
  addon.leaveSigbusAlone()
}

module.exports = { Namespace, leaveSigbusAlone, placeOf, usage }
