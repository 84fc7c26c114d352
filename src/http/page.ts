/**
 * page - the status page: what works, the numbers, and what has happened of late
 *
 * The text is made here and nowhere else: as a whole for GET /, and section by section for the stream that keeps
 * an open page up to date (stream.ts, web/page.js). Without scripts the page has all numbers and comes anew every
 * RELOAD_S; the charts are drawn by the script.
 *
 * Addresses are shown in recent changes alone, and only when the listener was told to.
 */
import { hostname } from 'node:os';
import { reasonsOf, warningsOf } from './health.js';
import { type Counts, type History, sum, totals } from './history.js';
import { Html, markup } from './markup.js';
import {
  type ExportSample,
  MAX_CHANGES,
  type RecentChange,
  type Sample,
  type SampleSource,
} from './sample.js';
import { bytes, count, duration, timeOfDay } from './words.js';

const RELOAD_S = 15;
/** A map that follows within its interval is no news. */
const BEHIND_MS = 5_000;

/** What stands below numbers and charts: the element's id, and its heading. */
const CARDS = [
  ['maps', 'Maps'],
  ['reporters', 'Reports'],
  ['refusals', 'Refused'],
  ['lookups', 'Look-ups'],
  ['changes', 'Recent changes'],
  ['details', 'Details'],
] as const;

export interface PageOptions {
  readonly source: SampleSource;
  readonly history: Pick<History, 'lastMinute'>;
  readonly showAddresses: boolean;
  readonly clock: { wall(): number };
}

/** A table with a heading line; the first column is text, the others are numbers. */
function table(head: readonly string[], rows: readonly Html[]): Html {
  const [first = '', ...rest] = head;
  return markup`<table><thead><tr><th scope="col">${first}</th>
${rest.map((one) => markup`<th scope="col" class="n">${one}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`;
}

const row = (name: Html | string, ...numbers: readonly string[]): Html =>
  markup`<tr><th scope="row">${name}</th>${numbers.map((one) => markup`<td class="n">${one}</td>`)}</tr>`;

/** Counts by name, the largest first, beside those of the last minute. */
function counted(total: Counts, minute: Counts): Html[] {
  return Object.entries(total)
    .sort(([, a], [, b]) => b - a)
    .map(([name, n]) => row(name, count(minute[name] ?? 0), count(n)));
}

const nothing = (words: string): Html => markup`<p class="none">${words}</p>`;

export class Page {
  readonly #options: PageOptions;

  constructor(options: PageOptions) {
    this.#options = options;
  }

  /** The parts that change, by the id of the element that holds each. */
  sections(): Readonly<Record<string, string>> {
    const sample = this.#options.source.sample();
    const parts: Readonly<Record<string, Html>> = {
      status: this.#status(sample),
      numbers: this.#numbers(sample),
      maps: this.#maps(sample),
      reporters: this.#reporters(),
      refusals: this.#refusals(),
      lookups: this.#lookups(),
      changes: this.#changes(),
      details: this.#details(sample),
    };
    return Object.fromEntries(Object.entries(parts).map(([id, { text }]) => [id, text]));
  }

  /** The page as a whole. */
  text(): string {
    const made = this.sections();
    const card = ([id, heading]: (typeof CARDS)[number]): Html =>
      markup`<section class="card"><h2>${heading}</h2><div id="${id}">${new Html(made[id] ?? '')}</div></section>\n`;
    return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>dracd on ${hostname()}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/uplot.css">
<link rel="stylesheet" href="/page.css">
<noscript><meta http-equiv="refresh" content="${RELOAD_S}"></noscript>
<script src="/uplot.js" defer></script>
<script src="/page.js" defer></script>
</head>
<body>
<header><h1>dracd</h1><p>${hostname()}</p><p id="live" hidden></p></header>
<main>
<section id="status" aria-live="polite">${new Html(made['status'] ?? '')}</section>
<section id="numbers">${new Html(made['numbers'] ?? '')}</section>
<div id="charts" hidden></div>
<div class="cards">
${CARDS.map(card)}</div>
</main>
<footer>For machines: <a href="/metrics">/metrics</a>, <a href="/readyz">/readyz</a>, <a href="/livez">/livez</a></footer>
</body>
</html>
`.text;
  }

  #status(sample: Sample): Html {
    const isWell = reasonsOf(sample).length === 0;
    const reasons = [...reasonsOf(sample), ...warningsOf(sample)];
    const since = `Up for ${duration(this.#options.clock.wall() - sample.startedAt)}, version ${sample.version}`;
    const state = isWell
      ? markup`<p class="state good"><span class="dot"></span>Working</p><p class="since">${since}</p>`
      : markup`<p class="state bad"><span class="dot"></span>Degraded</p><p class="since">${since}</p>`;
    if (reasons.length === 0) return state;
    const items = reasons.map(
      ({ part, reason, cure }) =>
        markup`<li><strong>${part}</strong> ${reason}<br><span class="cure">Cure: ${cure}.</span></li>`,
    );
    return markup`${state}<ul class="reasons">${items}</ul>`;
  }

  #numbers({ grants }: Sample): Html {
    const { reports, refusals, lookups } = this.#options.history.lastMinute();
    const tile = (name: string, value: string, about: string): Html =>
      markup`<div class="tile"><h2>${name}</h2><p class="value">${value}</p><p class="about">${about}</p></div>`;
    return markup`${[
      tile('Live grants', count(grants.live), `of ${count(grants.max)} at most`),
      tile('Reports', count(sum(reports)), 'in the last minute'),
      tile('Refused', count(sum(refusals)), 'in the last minute'),
      tile('Look-ups', count(sum(lookups)), 'in the last minute'),
    ]}`;
  }

  #maps({ exports }: Sample): Html {
    if (exports.length === 0) return nothing('No maps are written.');
    const state = ({ behindMs, degraded }: ExportSample): Html => {
      if (degraded !== undefined) return markup`<span class="bad">cannot be written</span>`;
      if (behindMs > BEHIND_MS) return markup`<span class="wait">behind by ${duration(behindMs)}</span>`;
      return markup`<span class="good">up to date</span>`;
    };
    return table(
      ['Map', 'Last written'],
      exports.map((one) =>
        row(
          markup`<span class="path">${one.path}</span> <span class="about">${one.format}</span> ${state(one)}`,
          `${duration(one.ageMs)} ago`,
        ),
      ),
    );
  }

  #reporters(): Html {
    const { source, history } = this.#options;
    const rows = counted(totals(source).reports, history.lastMinute().reports);
    if (rows.length === 0) return nothing('Nobody has reported a login yet.');
    return table(['From', 'Last minute', 'Since the start'], rows);
  }

  #refusals(): Html {
    const { source, history } = this.#options;
    const rows = counted(totals(source).refusals, history.lastMinute().refusals);
    if (rows.length === 0) return nothing('Nothing was refused.');
    return table(['Because', 'Last minute', 'Since the start'], rows);
  }

  #lookups(): Html {
    const { source, history } = this.#options;
    const rows = counted(totals(source).lookups, history.lastMinute().lookups);
    if (rows.length === 0) return nothing('No mail server has asked yet.');
    return table(['Kind', 'Last minute', 'Since the start'], rows);
  }

  #changes(): Html {
    const { source, showAddresses } = this.#options;
    const changes = source.changes?.() ?? [];
    if (changes.length === 0) return nothing('No changes are known.');
    const rows = changes.slice(0, MAX_CHANGES).map(({ at, kind, subject }: RecentChange) => {
      const what = showAddresses ? markup`${kind} <span class="path">${subject}</span>` : markup`${kind}`;
      return row(what, timeOfDay(at));
    });
    return table(['What', 'UTC'], rows);
  }

  #details({ journal, rpcbind, udpDrops, forwarded }: Sample): Html {
    const lines: (readonly [string, string])[] = [
      ['Journal', journal.disk === undefined ? bytes(journal.bytes) : bytes(journal.disk.used)],
      ['Free on its disk', journal.disk === undefined ? 'not known' : bytes(journal.disk.free)],
      ['rpcbind', rpcbind],
      ['It forwards strangers', forwarded ? 'yes' : 'not seen'],
      ['Datagrams the kernel dropped', udpDrops === undefined ? 'not known' : count(udpDrops)],
    ];
    return markup`<table><tbody>${lines.map(([name, value]) => row(name, value))}</tbody></table>`;
  }
}
