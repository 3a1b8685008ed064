import type { Address } from '../../base/address.ts'
import type { HookName } from '../../kernel/nftables/chain.ts'
import { ctStatus } from '../../kernel/nftables/expr/ct.ts'
import type { Packet } from '../../kernel/nftables/packet.ts'
import { type Carriage, type Carried, type End, isUntranslated, onWire, type Passed } from './carriage.ts'
import { TimeToLive } from './circle.ts'
import { bridgeOf, isLocal, type Machine, type MachineRoute, refusesSource, routeTo, sourceFor } from './machine.ts'
import { type Decider, meet } from './rules.ts'
import { everywhere, hairpinAt, Telling } from './telling.ts'
import { cardTowards, neighbourOf, nodeOf, type Taker } from './topology.ts'

/** A packet's way from the machine that makes it to where it ends, machine by machine as their kernels would take it. Pure. */
export function carry(carriage: Carriage, machine: Machine, packet: Packet): Carried {
  return new Carrier(carriage).send(machine, packet)
}

/** A reset that rules make of a bridged packet goes straight back out of the port that it came in by: nf_send_reset asks no rule. */
export function bounce(carriage: Carriage, node: Machine, pod: Machine, packet: Packet): Carried {
  return new Carrier(carriage).port(node, pod, packet)
}

class Carrier {
  readonly #to: Carriage
  readonly #path: Telling
  readonly #life = new TimeToLive()
  #of = 1

  constructor(carriage: Carriage) {
    this.#to = carriage
    this.#path = new Telling(carriage.speaker, carriage.back)
  }

  send(machine: Machine, made: Packet): Carried {
    const isPod = machine.place.kind === 'pod'
    const asked = isLocal(machine, made.destination) ? undefined : routeTo(machine, made.destination)
    // A socket looks for a way before any rule has a say.
    if (!isLocal(machine, made.destination) && asked?.kind !== 'unicast') {
      if (!this.#to.back) this.#path.unsent(machine, made, asked)
      return this.#end(machine, { is: 'no way' }, made)
    }
    const out = isPod ? { packet: made } : this.#meet(machine, 'output', { ...made, byNode: true })
    if ('ended' in out) return out.ended
    const { packet, by } = out
    const loop = isLocal(machine, packet.destination)
    const route = loop ? undefined : routeTo(machine, packet.destination)
    const way = route?.kind === 'unicast' ? route : undefined
    if (!loop && !(way && this.#next(machine, way, packet))) {
      if (!this.#to.back) this.#path.stays(machine, made, packet, route, by)
      return this.#end(machine, { is: way ? 'unanswered' : 'no way' }, packet)
    }
    const device = loop ? 'lo' : (way?.device ?? 'eth0')
    if (!this.#to.back) this.#path.sent(machine, device, made)
    this.#translated(machine, device, made, packet, by)
    if (way) return this.#leave(machine, made, packet, way, by)
    return isPod ? this.#end(machine, { is: 'arrived' }, packet) : this.#itself(machine, made, packet)
  }

  /** Over lo: out by the last rules, and in again by the first ones. */
  #itself(machine: Machine, made: Packet, packet: Packet): Carried {
    const own: MachineRoute = { to: everywhere, kind: 'unicast', source: packet.source }
    const left = this.#post(machine, made, packet, own, undefined)
    if ('ended' in left) return left.ended
    this.#translated(machine, 'lo', packet, left.packet, left.by)
    // It is not translated again: nf_nat_initialized.
    const settled = { ...left.packet, status: (left.packet.status ?? 0) | ctStatus.dnat }
    const pre = this.#meet(machine, 'prerouting', settled, made)
    if ('ended' in pre) return pre.ended
    const input = this.#meet(machine, 'input', { ...pre.packet, status: left.packet.status ?? 0 }, made)
    if ('ended' in input) return input.ended
    this.#translated(machine, 'lo', left.packet, input.packet, left.by)
    this.#path.own(machine, input.packet, false)
    return this.#end(machine, { is: 'arrived' }, input.packet)
  }

  /** A machine takes what comes from its wire, or by its bridge from one of its pods. */
  #into(machine: Machine, wired: Packet, pod?: Machine, wire = 'eth0'): Carried {
    const came = onWire(wired)
    this.#life.arrives(machine, came, this.#path.hops.length)
    // Without br_netfilter a pod's packet is through the bridge before any rule for IP meets it.
    const early = pod !== undefined && !machine.filtersBridged
    const mine = isLocal(machine, came.destination)
    if (early && !mine) this.#path.toGateway(machine, came)
    const pre = this.#meet(machine, 'prerouting', came)
    if ('ended' in pre) return pod && !early ? { ...pre.ended, bridged: pod } : pre.ended
    const { packet, by } = pre
    const bridge = bridgeOf(machine)?.name
    const device = pod ? (bridge ?? 'cbr0') : wire
    if (isLocal(machine, packet.source) && !packet.source.startsWith('127.'))
      return this.#end(machine, this.#path.fromItself(machine, came, packet), packet)
    const refuses = refusesSource(machine, packet, device)
    if (isLocal(machine, packet.destination)) {
      if (refuses) return this.#end(machine, this.#path.strange(machine, came, packet, device), packet)
      if (early && mine && !this.#to.back && !isUntranslated(came, packet)) this.#path.toGateway(machine, came)
      this.#translated(machine, device, came, packet, by)
      const input = this.#meet(machine, 'input', packet, came)
      if ('ended' in input) return input.ended
      this.#translated(machine, device, packet, input.packet, by)
      if (!this.#to.back) this.#to.tracked.remember(machine, came, input.packet)
      this.#path.own(machine, input.packet, pod !== undefined)
      return this.#end(machine, { is: 'arrived' }, input.packet)
    }
    const route = routeTo(machine, packet.destination)
    // br_nf_pre_routing_finish: what is translated to a port of the same bridge is bridged, not routed.
    const bounces =
      !refuses && pod && machine.filtersBridged && machine.forwards && packet.destination !== came.destination
    if (bounces && route?.kind === 'unicast' && route.device === bridge) {
      const target = this.#next(machine, route, packet)
      if (target) return this.#acrossBridge(machine, came, packet, target, pod, by)
      this.#translated(machine, device, came, packet, by)
      this.#path.unanswered(machine, packet, route)
      return this.#end(machine, { is: 'unanswered' }, packet)
    }
    if (early && mine) this.#path.toGateway(machine, came)
    this.#translated(machine, device, came, packet, by)
    if (pod && !early) this.#path.toGateway(machine, packet)
    if (!machine.forwards) {
      this.#path.notForwarding(machine, packet)
      return this.#end(machine, { is: 'silent' }, packet)
    }
    if (route?.kind !== 'unicast') {
      this.#path.noWay(machine, packet)
      if (route?.kind === 'prohibit')
        return this.#end(machine, { is: 'rejected', with: 'icmp 13', seldom: true }, packet)
      return this.#end(machine, { is: route?.kind === 'blackhole' ? 'silent' : 'no way' }, packet)
    }
    if (refuses) return this.#end(machine, this.#path.strange(machine, packet, packet, device), packet)
    if (!this.#life.passes()) {
      this.#path.circle(machine, packet, this.#life.round)
      return this.#end(machine, { is: 'expired' }, packet)
    }
    const forward = this.#meet(machine, 'forward', packet, came)
    return 'ended' in forward ? forward.ended : this.#leave(machine, came, forward.packet, route, by)
  }

  /** From the choice of the way on. `came`: as it came to the machine. */
  #leave(machine: Machine, came: Packet, packet: Packet, route: MachineRoute, by: Decider | undefined): Carried {
    const left = this.#post(machine, came, packet, route, by)
    if ('ended' in left) return left.ended
    this.#translated(machine, route.device ?? '', packet, left.packet, left.by)
    const next = this.#next(machine, route, left.packet)
    if (!next) {
      this.#path.unanswered(machine, left.packet, route)
      return this.#end(machine, { is: 'unanswered' }, left.packet)
    }
    if (machine.place.kind === 'pod') return this.#ontoBridge(machine, next, left.packet)
    if (machine.place.kind === 'node' && route.device === bridgeOf(machine)?.name)
      return this.port(machine, next, left.packet)
    this.#path.way(machine, left.packet, route)
    if (next === 'nobody') return this.#end(machine, this.#path.astray(machine, left.packet), left.packet)
    return this.#into(next, left.packet, undefined, cardTowards(next, machine))
  }

  /** Out of a pod's cable into its node's bridge. */
  #ontoBridge(pod: Machine, target: Taker, left: Packet): Carried {
    const packet = onWire(left)
    const node = nodeOf(this.#to.topology, pod)
    if (!node) return this.#end(pod, { is: 'silent' }, packet)
    this.#path.cable(node, pod, packet)
    if (target === node) return this.#into(node, packet, pod)
    if (!node.filtersBridged) return this.port(node, target, packet, pod)
    const pre = this.#meet(node, 'prerouting', packet)
    if ('ended' in pre) return pre.ended
    if (pre.packet.destination !== packet.destination) return this.#into(node, packet, pod)
    return this.#acrossBridge(node, packet, pre.packet, target, pod, pre.by)
  }

  /** Bridged packets meet the rules for IP where br_netfilter is on. */
  #acrossBridge(
    node: Machine,
    came: Packet,
    packet: Packet,
    target: Taker,
    pod: Machine,
    by: Decider | undefined,
  ): Carried {
    if (target === pod && !hairpinAt(node, pod)) {
      this.#translated(node, '', came, packet, by)
      return this.port(node, target, packet, pod)
    }
    const forward = this.#meet(node, 'forward', packet, came)
    if ('ended' in forward) return forward.ended
    const bridge = bridgeOf(node)?.name ?? ''
    const way: MachineRoute = { to: everywhere, kind: 'unicast', device: bridge }
    const left = this.#post(node, came, forward.packet, way, by)
    if ('ended' in left) return left.ended
    this.#translated(node, bridge, came, left.packet, left.by)
    return this.port(node, target, left.packet, pod)
  }

  /** Out of the bridge by a pod's port; `from`: whose port it came in by, where nothing was routed. */
  port(node: Machine, target: Taker, packet: Packet, from?: Machine): Carried {
    if (target === 'nobody') return this.#end(node, this.#path.astray(node, packet), packet)
    if (from && target === from && !hairpinAt(node, from)) {
      this.#path.noHairpin(node, from, packet)
      return this.#end(node, { is: 'silent' }, packet)
    }
    this.#path.port(node, target, packet)
    return this.#end(target, { is: isLocal(target, packet.destination) ? 'arrived' : 'silent' }, packet)
  }

  /** The last rules, and what the machine remembers. */
  #post(machine: Machine, came: Packet, packet: Packet, route: MachineRoute, by: Decider | undefined): Passed {
    const post = this.#meet(machine, 'postrouting', packet, came, sourceFor(machine, route))
    if ('ended' in post) return post
    if (!this.#to.back) this.#to.tracked.remember(machine, came, post.packet)
    const decided = post.by ?? by
    return { packet: post.packet, ...(decided && { by: decided }) }
  }

  /** What the rules of one hook make of it; of an answer, what the machine remembers. */
  #meet(machine: Machine, hook: HookName, packet: Packet, came: Packet = packet, sender?: Address): Passed {
    const { speaker, dice, back, tracked } = this.#to
    const undo =
      hook === 'prerouting' || hook === 'output'
        ? (now: Packet): Packet => tracked.asker(machine, now)
        : (now: Packet): Packet => (hook === 'forward' ? now : tracked.asked(machine, came, now))
    const isPod = machine.place.kind === 'pod'
    const met = isPod
      ? undefined
      : meet(speaker, machine, hook, packet, dice, {
          ...(back && { undo }),
          ...(sender !== undefined && { sender }),
        })
    this.#of = Math.max(this.#of, met?.of ?? 1)
    if (met && met.fate !== 'accept') {
      const how = met.fate === 'drop' ? 'drop' : met.fate.reject
      const end: End = how === 'drop' ? { is: 'dropped' } : { is: 'rejected', with: how }
      // One table may have translated what another is against.
      this.#translated(machine, '', packet, met.packet, met.translatedBy)
      this.#path.refused(machine, met.packet, how, met.by)
      return { ended: this.#end(machine, end, met.packet) }
    }
    const by = met?.by && !back ? { by: met.by } : {}
    return { packet: met?.packet ?? packet, ...by }
  }

  #translated(machine: Machine, device: string, before: Packet, after: Packet, by: Decider | undefined): void {
    this.#path.translated(machine, device, before, after, by, this.#of)
  }

  #end(machine: Machine, end: End, packet: Packet): Carried {
    return { hops: this.#path.hops, end, machine, packet, of: this.#of }
  }

  #next(machine: Machine, route: MachineRoute, packet: Packet): Taker | undefined {
    if (route.device === undefined) return undefined
    return neighbourOf(this.#to.topology, machine, route.device, route.via ?? packet.destination)
  }
}
