// Tracks the fills of a worker that fetch from one upstream host. Decides how many extra connections (beyond the first of each
// fill) make the fills faster. A probe tries one more connection. A window is one second of measurement.
//
// - If the rate was steady for a window, and a fill uses all its connections, a probe begins: that fill gets one more
//   connection.
// - If the rate in a window is a fifth above the rate before the probe, the probe succeeds. The fill keeps the connection for a
//   minute.
// - If three windows stay below that rate, or the host refuses the connection, the probe fails. That number of connections is
//   not tried again for ten minutes.
// - If a fill ends or is blocked, the probe ends without a result.
// - If bytes from several connections were wrong, all extra connections are taken away.
// - After its minute a connection is taken away, and the next probe may restore it.
//
// The rate is the sum over all fills. If a host limits that sum, one more connection only takes bandwidth from the others.
import type { FillConnections, FillConnectionsOptions } from './connection-control.ts';
import { canTakeMore, poorestOf, richestOf, shareExtras, type Sharer } from './share-extras.ts';
import { createRateWindow, type Measured, windowMs } from './rate-window.ts';

export interface HostConnections {
  enter(options: FillConnectionsOptions): FillConnections;
  /** Returns true if no fill is active and no earlier result still applies. */
  isForgotten(): boolean;
}

/**
 * The rate of a connection is not measured for this long after it begins, because TCP slow start and initial bursts distort it.
 */
const settleMs = 500;
const gain = 1.2;
const maxWindows = 3;
const keptMs = 60_000;
const backoffMs = 600_000;
/** If our own limit for the upstream was reached, no probe starts for this long. The limit allows more connections soon. */
const noSlotMs = 10_000;
/** The time within which upstream must answer the request of a probe. */
const openingMs = 5_000;
/** A fill is measured only if it was blocked for no more than this share of the window. */
const blockedShare = 0.1;

interface Member extends Sharer {
  readonly enteredAtMs: number;
  opened: number;
  blocks: number;
  blockedAtMs: number;
  /** Time for which the fill was blocked since the last window began. */
  blockedMs: number;
  /** True if the fill was blocked for more than a tenth of the last window. */
  isBlocked: boolean;
}

interface Probe {
  readonly member: Member;
  /** The fills whose rate is the reference. */
  readonly measured: ReadonlySet<Member>;
  readonly sinceMs: number;
  /** Bytes per millisecond without the probe. */
  readonly reference: number;
  isOpen: boolean;
  windows: number;
}

export function createHostConnections(): HostConnections {
  const members = new Set<Member>();
  const window = createRateWindow<Member>();
  let probe: Probe | undefined;
  /** The number of extra connections that have proved useful and that no fill uses now. The next fills get them immediately. */
  let spare = 0;
  let keptUntilMs = 0;
  /** A total of `from` connections or more was useless, and is not tried again before `untilMs`. */
  let backoff = { from: Number.POSITIVE_INFINITY, untilMs: 0 };
  /** Bytes per millisecond in the last steady windows. */
  let rates: number[] = [];

  const allowedOf = (member: Member) => 1 + member.extras + (probe?.member === member ? 1 : 0);
  const total = () => [...members].reduce((sum, member) => sum + allowedOf(member), 0);
  const mayTry = (connections: number, now: number) => connections < backoff.from || now >= backoff.untilMs;
  /** Shares the extra connections among fills. Skips fills that have just begun, because most blobs are small and end soon. */
  const share = (now: number) => {
    spare = shareExtras(
      [...members].filter((member) => isOld(member, now)),
      spare,
    );
  };

  function begin(atMs: number): void {
    for (const member of members) Object.assign(member, { blockedMs: 0, blockedAtMs: performance.now() });
    const measured = [...(probe?.measured ?? members)].filter((member) => isMeasurable(member, atMs));
    window.begin(atMs, new Map(measured.map((member) => [member, member.opened])));
  }

  function startOver(now: number): void {
    probe = undefined;
    rates = [];
    begin(now);
  }

  /** Returns the fill with the fewest extra connections among those that use all their connections. */
  function nextToProbe(): Member | undefined {
    return poorestOf([...members].filter((one) => window.has(one) && one.opened >= allowedOf(one) && canTakeMore(one)));
  }

  function endWindow(now: number): void {
    const measured = window.end(now);
    for (const member of members) member.isBlocked = blockedMsOf(member, now) > blockedShare * measured.tookMs;
    share(now);
    if (!isSound(measured, now)) startOver(now);
    else if (probe !== undefined) judge(probe, measured, now);
    else if (measured.isRising) startOver(now);
    else watch(measured.rate, now);
  }

  /**
   * Returns whether the window can be used: the fills stayed the same and kept their connections. During a probe, new fills do
   * not matter.
   */
  function isSound({ tookMs, openedAtBeginning }: Measured<Member>, now: number): boolean {
    if (tookMs > 2 * windowMs || openedAtBeginning.size === 0) return false;
    for (const [member, opened] of openedAtBeginning)
      if (!members.has(member) || member.isBlocked || member.opened < opened) return false;
    const expected = probe?.measured ?? members;
    return [...expected].every((member) => openedAtBeginning.has(member) || !isMeasurable(member, now));
  }

  function watch(rate: number, now: number): void {
    // A fill still has more connections than allowed. Their requests must end first.
    if ([...members].some((member) => member.opened > allowedOf(member))) return startOver(now);
    rates = [...rates.slice(1 - maxWindows), rate];
    const richest = richestOf([...members]);
    if (richest !== undefined && richest.extras > 0 && now >= keptUntilMs && mayTry(total(), now)) {
      richest.extras -= 1;
      spare = 0;
      keptUntilMs = now + keptMs;
      return startOver(now);
    }
    tryOneMore(now);
  }

  function tryOneMore(now: number): void {
    const member = mayTry(total() + 1, now) ? nextToProbe() : undefined;
    const measured = new Set([...members].filter((one) => window.has(one)));
    begin(now);
    if (member === undefined) return;
    const reference = rates.reduce((sum, one) => sum + one, 0) / rates.length;
    probe = { member, measured, sinceMs: now, reference, isOpen: false, windows: 0 };
    window.wait();
  }

  function judge(running: Probe, { rate }: Measured<Member>, now: number): void {
    const { member, reference } = running;
    if (member.opened < allowedOf(member)) return startOver(now);
    running.windows += 1;
    if (rate >= reference * gain) {
      probe = undefined;
      member.extras += 1;
      keptUntilMs = now + keptMs;
      rates = [rate];
      tryOneMore(now);
    } else if (running.windows < maxWindows) begin(now);
    else {
      backoff = { from: total(), untilMs: now + backoffMs };
      startOver(now);
    }
  }

  function received(member: Member, bytes: number): void {
    const now = performance.now();
    window.add(member, bytes, now);
    if (probe !== undefined && !probe.isOpen && now - probe.sinceMs > openingMs) startOver(now);
    else if (window.isOver(now)) endWindow(now);
  }

  function refused(member: Member, by: 'host' | 'cap'): void {
    const now = performance.now();
    if (probe?.member !== member && member.extras > 0) member.extras -= 1;
    startOver(now);
    const from = total() + 1;
    if (by === 'host') backoff = { from, untilMs: now + backoffMs };
    else if (mayTry(from, now)) backoff = { from, untilMs: now + noSlotMs };
  }

  function mismatched(): void {
    const now = performance.now();
    for (const member of members) member.extras = 0;
    spare = 0;
    startOver(now);
    backoff = { from: 0, untilMs: now + backoffMs };
  }

  return {
    enter(options) {
      const now = performance.now();
      if (members.size === 0 && now >= keptUntilMs) spare = 0;
      const extras = options.mayProbe() ? Math.min(spare, options.max - 1) : 0;
      spare -= extras;
      const none = { opened: 0, blocks: 0, blockedAtMs: now, blockedMs: 0, isBlocked: false };
      const member: Member = { ...options, ...none, extras, enteredAtMs: now };
      members.add(member);
      if (members.size === 1) begin(now + settleMs);
      return {
        get allowed() {
          return allowedOf(member);
        },
        get isOnTrial() {
          return probe?.member === member;
        },
        received: (bytes) => received(member, bytes),
        blocked() {
          if (member.blocks === 0) member.blockedAtMs = performance.now();
          member.blocks += 1;
          return () => {
            member.blockedMs = blockedMsOf(member, performance.now());
            member.blockedAtMs = performance.now();
            member.blocks -= 1;
          };
        },
        opened(count) {
          member.opened = count;
          if (probe?.member !== member || probe.isOpen || count < allowedOf(member)) return;
          probe.isOpen = true;
          begin(performance.now() + settleMs);
        },
        refused: (by) => refused(member, by),
        mismatched,
        leave() {
          members.delete(member);
          spare += member.extras;
          member.extras = 0;
          const leftAtMs = performance.now();
          share(leftAtMs);
          if (probe?.member === member) startOver(leftAtMs);
        },
      };
    },
    isForgotten: () => members.size === 0 && performance.now() >= Math.max(keptUntilMs, backoff.untilMs),
  };
}

function isOld({ enteredAtMs }: Member, atMs: number): boolean {
  return atMs - enteredAtMs >= settleMs;
}

function isMeasurable(member: Member, atMs: number): boolean {
  return isOld(member, atMs) && !member.isBlocked;
}

function blockedMsOf({ blocks, blockedAtMs, blockedMs }: Member, now: number): number {
  return blockedMs + (blocks > 0 ? now - blockedAtMs : 0);
}
