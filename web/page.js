/**
 * page.js - keeps the open status page up to date, and draws its charts
 *
 * The text of the page is the server's: the stream brings each section as HTML, and only what differs is changed, so
 * that what a reader has marked stays marked. Charts are drawn from the last hour, which the stream brings first.
 */
(() => {
  'use strict';

  const MAX_POINTS = 360;
  const HEIGHT = 190;
  const AGAIN_MS = 30_000;
  const GAP_MS = 25_000;
  /** What is counted is whole. */
  const STEPS = Array.from({ length: 10 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();

  /** What is drawn: its heading, the lines of a point by name, and what a chart without any is labelled. */
  const charts = [
    { title: 'Live grants', empty: 'live', filled: true, lines: ({ live }) => ({ live }) },
    { title: 'Reports a minute', empty: 'reports', lines: ({ reports }) => perMinute(reports) },
    { title: 'Refused a minute', empty: 'refused', lines: ({ refusals }) => perMinute(refusals) },
    { title: 'Look-ups a minute', empty: 'look-ups', lines: ({ lookups }) => perMinute(lookups) },
  ];

  /** @type {{at: number}[]} the last hour, one every ten seconds */
  let points = [];
  /** The plots on the page, in the order of the charts, each with the names of its lines. */
  let plots = [];

  const perMinute = (counts) => Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, n * 6]));
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
  const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

  /** The columns that uPlot draws: times, then a line for each name. */
  function columns({ lines, empty }) {
    const drawn = points.map(lines);
    const found = [...new Set(drawn.flatMap((line) => Object.keys(line)))].sort();
    const names = found.length === 0 ? [empty] : found;
    const times = points.map(({ at }) => at / 1000);
    return { names, data: [times, ...names.map((name) => drawn.map((line) => line[name] ?? 0))] };
  }

  function series(names, filled) {
    return names.map((name, i) => {
      const stroke = style(`--series-${(i % 6) + 1}`);
      return {
        label: name,
        stroke,
        width: 1.5,
        fill: filled ? `${stroke}22` : undefined,
        // A line needs two points.
        points: { show: () => points.length < 2, size: 6 },
        value: (_, v) => (v == null ? '–' : whole.format(v)),
      };
    });
  }

  /** The last hour; of a daemon that has run for less, what there is, ten minutes at least. */
  function span() {
    const last = (points.at(-1)?.at ?? Date.now()) / 1000;
    const first = (points[0]?.at ?? Date.now()) / 1000;
    return [Math.max(last - 3600, Math.min(first, last - 600)), last];
  }

  function options(chart, names, width) {
    const axis = {
      stroke: style('--quiet'),
      grid: { stroke: style('--line'), width: 1 },
      ticks: { show: false },
    };
    return {
      width,
      height: HEIGHT,
      padding: [8, 12, 0, 0],
      cursor: { y: false, points: { size: 7 } },
      scales: {
        x: { range: span },
        y: { range: (_, _min, max) => [0, Math.max(1.1, max * 1.1)] },
      },
      axes: [
        { ...axis, values: '{HH}:{mm}', space: 60, size: 26 },
        { ...axis, size: 46, incrs: STEPS, values: (_, ticks) => ticks.map((v) => short.format(v)) },
      ],
      series: [{ label: 'at', value: '{HH}:{mm}:{ss}' }, ...series(names, chart.filled)],
    };
  }

  /** Below a chart that nobody points at stand its last values; after uPlot has put down its own. */
  function tellLast(plot) {
    requestAnimationFrame(() => {
      if (plot.cursor.idx == null) plot.setLegend({ idx: points.length - 1 }, false);
    });
  }

  function drawAnew() {
    const holder = document.getElementById('charts');
    if (holder === null || typeof uPlot === 'undefined' || points.length === 0) return;
    holder.hidden = false;
    for (const { plot } of plots) plot.destroy();
    holder.replaceChildren();
    plots = charts.map((chart) => {
      const { names, data } = columns(chart);
      const box = document.createElement('section');
      box.className = 'chart';
      const heading = document.createElement('h2');
      heading.textContent = chart.title;
      const place = document.createElement('div');
      box.append(heading, place);
      holder.append(box);
      const plot = new uPlot(options(chart, names, place.clientWidth), data, place);
      tellLast(plot);
      return { names, plot };
    });
  }

  /** Draws what is new; anew only when there are other lines than before. */
  function draw() {
    const all = charts.map(columns);
    if (plots.length === 0 || all.some(({ names }, i) => names.join() !== plots[i].names.join())) {
      drawAnew();
      return;
    }
    for (const [i, { plot }] of plots.entries()) {
      plot.setData(all[i].data);
      tellLast(plot);
    }
  }

  /** Changes in `old` what is otherwise in `fresh`. */
  function follow(old, fresh) {
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    const alike =
      before.length === after.length &&
      before.every((node, i) => node.nodeName === after[i].nodeName && node.className === after[i].className);
    if (!alike) {
      old.replaceChildren(...after);
      return;
    }
    for (const [i, node] of before.entries()) {
      if (node.nodeType !== Node.TEXT_NODE) follow(node, after[i]);
      else if (node.data !== after[i].data) node.data = after[i].data;
    }
  }

  function show(sections) {
    for (const [id, text] of Object.entries(sections)) {
      const holder = document.getElementById(id);
      if (holder === null) continue;
      const fresh = document.createElement('template');
      fresh.innerHTML = text;
      follow(holder, fresh.content);
    }
    const state = document.querySelector('#status .state')?.textContent ?? '';
    document.title = document.title.replace(/^(?:\w+: )?/, state === 'Working' ? '' : `${state}: `);
  }

  function tell(live) {
    const element = document.getElementById('live');
    if (element === null) return;
    element.hidden = false;
    element.classList.toggle('lost', !live);
    element.textContent = live ? 'live' : 'not live: no answer';
  }

  function listen() {
    const stream = new EventSource('/events');
    stream.addEventListener('history', ({ data }) => {
      points = JSON.parse(data);
      draw();
    });
    stream.addEventListener('point', ({ data }) => {
      const point = JSON.parse(data);
      // What came while the computer slept is not known: begin anew with the stream.
      if (point.at - (points.at(-1)?.at ?? point.at) > GAP_MS) {
        stream.close();
        listen();
        return;
      }
      points = [...points, point].slice(-MAX_POINTS);
      draw();
    });
    stream.addEventListener('page', ({ data }) => {
      tell(true);
      show(JSON.parse(data));
    });
    stream.addEventListener('error', () => {
      tell(false);
      if (stream.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
    });
  }

  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAnew);
  addEventListener('resize', drawAnew);
  listen();
})();
