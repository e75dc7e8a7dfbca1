/* Charts that can be zoomed into, in place of the pictures, which stay for paper and where no script runs. The values are
   those that the pictures were drawn from. */
'use strict';
(() => {
  const figures = JSON.parse(document.getElementById('charts').textContent);
  const style = getComputedStyle(document.documentElement);
  const css = name => style.getPropertyValue(name).trim();
  /* The charts that are zoomed together, and what they show, unless it is everything. */
  const groups = new Map();
  const views = new Map();

  const dark = matchMedia('(prefers-color-scheme: dark)');
  /* Colors of words follow the page; of the others, some are told for dark paper. */
  const variable = color => ({ '#222222': '--ink', '#6e6e6e': '--quiet' })[color] || '--tone-' + color.slice(1);
  const tone = color => css(variable(color)) || color;
  const faint = color => (tone(color) + '66').slice(0, 9);

  const digits = value => {
    const size = Math.abs(value);
    if (Math.abs(value - Math.round(value)) < 1e-9 || size >= 99.95) return value.toFixed(0);
    if (size >= 9.995) return value.toFixed(1);
    return size >= 0.01 ? value.toFixed(2) : value.toPrecision(2);
  };
  const scaled = (value, step, units) => {
    let unit = 0;
    while (Math.abs(value) >= step - 0.5 && unit + 1 < units.length) { value /= step; unit += 1; }
    return digits(value) + (units[unit] ? ' ' + units[unit] : '');
  };
  const bytes = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const count = value => Math.abs(value) < 1e4 ? digits(value) : scaled(value / 1e3, 1000, ['k', 'M', 'G']);
  const show = {
    'bytes': value => scaled(value, 1024, bytes),
    'bytes/s': value => scaled(value, 1024, bytes) + '/s',
    'ns': value => Math.abs(value) >= 1e9 ? digits(value / 1e9) + ' s' : scaled(value, 1000, ['ns', 'µs', 'ms']),
    'count': count,
    '/s': value => count(value) + '/s',
    'share': value => digits(value * 100) + ' %',
    'seconds': value => value.toFixed(3) + ' s',
    'nines': value => +(100 - 100 / value).toPrecision(6) + ' %',
  };
  const tick = (unit, value) => value === 0 ? '0' : show[unit](value).replace(/(\.\d*?)0+(?= |\/|$)/, '$1').replace(/\.(?= |\/|$)/, '');

  const element = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text) made.textContent = text;
    return made;
  };

  /* Lines on one set of times: uPlot tells a gap (null) from a time that only others have (undefined). */
  const aligned = chart => {
    const drawn = chart.layers.filter(layer => layer.y);
    const tables = chart.xs.map((x, i) => [x, ...drawn.filter(layer => layer.x === i).map(layer => layer.y)]);
    const order = chart.xs.flatMap((_, i) => drawn.filter(layer => layer.x === i));
    return { data: uPlot.join(tables), order };
  };

  const lanes = chart => chart.layers.filter(layer => layer.lane !== undefined);
  const LANE = 10;

  const shade = (chart, u) => {
    const { ctx, bbox } = u;
    ctx.save();
    const fill = (spans, color, least) => {
      ctx.fillStyle = color;
      for (const [from, to] of spans) {
        const a = Math.max(u.valToPos(from, 'x', true), bbox.left);
        const b = Math.min(Math.max(u.valToPos(to, 'x', true), u.valToPos(from, 'x', true) + least), bbox.left + bbox.width);
        if (b > a) ctx.fillRect(a, bbox.top, b - a, bbox.height);
      }
    };
    fill(chart.shaded, css('--shade'), 0);
    fill(chart.phases, css('--phase'), 0);
    fill(chart.struck, css('--struck'), 2 * devicePixelRatio);
    ctx.restore();
  };

  const drawLanes = (chart, u) => {
    const all = lanes(chart);
    const { ctx, bbox } = u;
    const high = LANE * devicePixelRatio;
    const rows = 1 + Math.max(-1, ...all.map(layer => layer.lane));
    const end = bbox.left + bbox.width;
    ctx.save();
    for (const layer of all) {
      const top = bbox.top - (rows - layer.lane) * high;
      ctx.fillStyle = tone(layer.color);
      for (const [from, to] of layer.spans || layer.at.map(at => [at, at])) {
        const thin = layer.spans ? 3 : 1;
        const a = u.valToPos(from, 'x', true);
        const b = Math.max(u.valToPos(to, 'x', true), a + thin * devicePixelRatio);
        if (b < bbox.left || a > end) continue;
        const left = Math.max(a, bbox.left);
        ctx.fillRect(left, top + high * (layer.spans ? 0.25 : 0.05), Math.min(b, end) - left, high * (layer.spans ? 0.5 : 0.85));
      }
    }
    ctx.restore();
  };

  /* What the times of a chart are called, above the lanes; what does not fit where it belongs is left out. */
  const NOTE = 15;
  const lift = chart => LANE * (1 + Math.max(-1, ...lanes(chart).map(layer => layer.lane)));
  const drawNotes = (chart, u) => {
    const { ctx, bbox } = u;
    const pixels = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * pixels}px system-ui, sans-serif`;
    ctx.textAlign = 'center';
    ctx.fillStyle = css('--quiet');
    let free = bbox.left;
    for (const [at, text] of chart.notes) {
      const [middle, half] = [u.valToPos(at, 'x', true), ctx.measureText(text).width / 2];
      if (middle - half < free || middle + half > bbox.left + bbox.width) continue;
      ctx.fillText(text, middle, bbox.top - (lift(chart) + 4) * pixels);
      free = middle + half + 8 * pixels;
    }
    ctx.restore();
  };

  /* The thinnest lines are dashed, so that they can be told from others of their color. */
  const isDashed = layer => layer.width === 1;

  /* The series that an area stands on; 0: none. */
  const isArea = layer => layer.kind === 'area';
  const below = (order, layer) => isArea(layer) ? order.filter(isArea).indexOf(layer) && order.indexOf(layer) : 0;

  /* Values with a gap, or nothing, on both sides: no line leads there. */
  const alone = values => {
    const known = values.map((v, i) => [v, i]).filter(([v]) => v !== undefined);
    return known.filter(([v], k) => v !== null && known[k - 1]?.[0] == null && known[k + 1]?.[0] == null).map(([, i]) => i);
  };

  /* Lines are named at their ends, where there is room beside the plot: [layer, place of its series]. */
  const measure = (ctx => text => ctx.measureText(text).width)(Object.assign(document.createElement('canvas').getContext('2d'), { font: '12px system-ui, sans-serif' }));
  const NAME = 170;
  const GAP = 14;
  const named = (order, width) => {
    const lines = order.map((layer, i) => [layer, i + 1]).filter(([layer]) => layer.label && !isArea(layer) && layer.width < 5);
    return width < 640 || lines.length < 2 || lines.some(([layer]) => measure(layer.label) > NAME) ? [] : lines;
  };
  const beside = (order, width) => Math.max(14, ...named(order, width).map(([layer]) => measure(layer.label) + 22));
  const drawNames = (order, u) => {
    const { ctx, bbox } = u;
    const pixels = devicePixelRatio;
    const ends = named(order, u.width).filter(([, i]) => u.series[i].show).flatMap(([layer, i]) => {
      const last = u.data[0].findLastIndex((x, at) => x <= u.scales.x.max && u.data[i][at] != null);
      const x = last < 0 ? -1 : u.valToPos(u.data[0][last], 'x', true);
      return x < bbox.left + bbox.width * 0.9 ? [] : [{ layer, x, y: u.valToPos(u.data[i][last], 'y', true) }];
    }).sort((a, b) => a.y - b.y);
    /* Down until none touches another, then up where they have left the plot. */
    ends.forEach((end, i) => { end.at = Math.max(end.y, i ? ends[i - 1].at + GAP * pixels : bbox.top); });
    ends.reduceRight((floor, end) => (end.at = Math.min(end.at, floor)) - GAP * pixels, bbox.top + bbox.height);
    if (ends.some(end => Math.abs(end.at - end.y) > 2.5 * GAP * pixels)) return;
    ctx.save();
    ctx.font = `${12 * pixels}px system-ui, sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.lineWidth = pixels;
    const side = bbox.left + bbox.width;
    for (const { layer, x, y, at } of ends) {
      ctx.strokeStyle = tone(layer.color);
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(side + 9 * pixels, at);
      ctx.stroke();
      ctx.fillStyle = css('--ink');
      ctx.fillText(layer.label, side + 12 * pixels, at);
    }
    ctx.restore();
  };

  const series = (chart, order) => [
    { label: chart.x.shows === 'nines' ? 'share' : 'time', value: (_, v) => v == null ? '–' : show[chart.x.shows](v) },
    ...order.map(layer => ({
      label: layer.label || '',
      stroke: () => tone(layer.color),
      fill: isArea(layer) && !below(order, layer) ? () => faint(layer.color) : undefined,
      width: Math.max(1.3, (layer.width || 2) * 0.8),
      dash: isDashed(layer) ? [7, 4] : undefined,
      points: { show: true, size: 6, fill: () => tone(layer.color), filter: (u, i) => alone(u.data[i]) },
      /* An area stands on the one below: its own height is what counts. */
      value: (u, v, _, at) => v == null ? '–' : show[chart.y.shows](v - (below(order, layer) ? u.data[below(order, layer)][at] : 0)),
    })),
  ];
  const bands = order => order.flatMap((layer, i) =>
    below(order, layer) ? [{ series: [i + 1, below(order, layer)], fill: () => faint(layer.color) }] : []);

  const axes = chart => {
    const shared = { stroke: () => css('--quiet'), font: '12px system-ui, sans-serif', ticks: { show: false } };
    const grid = { stroke: () => css('--line'), width: 1 };
    const named = title => title ? { label: title, labelSize: 20, labelGap: 2, labelFont: '12px system-ui, sans-serif' } : {};
    const x = { ...shared, ...named(chart.x.title), size: 34, gap: 9, grid: { show: false }, values: (_, at) => at.map(v => v == null ? '' : tick('seconds', v)) };
    if (chart.x.ticks) {
      const words = new Map(chart.x.ticks);
      x.splits = u => chart.x.ticks.map(([v]) => v).filter(v => v >= u.scales.x.min * 0.999 && v <= u.scales.x.max * 1.001);
      x.filter = (u, at) => { let last = -1e9; return at.map(v => { const p = u.valToPos(v, 'x'); if (p - last < 58) return null; last = p; return v; }); };
      x.values = (_, at) => at.map(v => words.get(v) || '');
    }
    /* On a logarithmic scale 1, 2 and 5 of each decade. */
    const few = (_, at) => at.map(v => !chart.y.log || '125'.includes(v.toExponential()[0]) ? v : null);
    const y = { ...shared, ...named(chart.y.title), size: 76, grid: { ...grid, filter: few }, values: (_, at) => at.map(v => v == null ? '' : tick(chart.y.shows, v)) };
    if (chart.y.shows.startsWith('bytes') && !chart.y.log) y.incrs = Array.from({ length: 45 }, (_, i) => 2 ** i);
    return [x, y];
  };

  const options = (chart, order, key, width) => ({
    width, height: innerWidth < 640 ? 230 : 300,
    padding: [8 + lift(chart) + (chart.notes.length ? NOTE : 0), u => beside(order, u.width), 0, 0],
    scales: {
      x: { time: false, distr: chart.x.log ? 3 : 1 },
      y: chart.y.log
        ? { distr: 3, range: (_, min, max) => min == null || min <= 0 ? [chart.y.from, chart.y.to] : uPlot.rangeLog(min, Math.max(max, min * 1.5), 10, false) }
        : { range: (_, min, max) => [0, max > 0 ? max * 1.08 : chart.y.to] },
    },
    series: series(chart, order),
    bands: bands(order),
    axes: axes(chart),
    cursor: {
      sync: { key, setSeries: false },
      drag: { x: true, y: false },
      bind: { dblclick: () => () => { whole(key); return null; } },
      points: { size: 7 },
    },
    legend: { live: true, markers: { width: 0 } },
    hooks: {
      setSeries: [(u, i) => i && entries(u)[i - 1]?.querySelector('button')?.setAttribute('aria-pressed', u.series[i].show)],
       setSelect: [u => u.select.width > 0 && views.set(key, { min: u.posToVal(u.select.left, 'x'), max: u.posToVal(u.select.left + u.select.width, 'x') })], 
      drawClear: [u => shade(chart, u)],
      draw: [u => { drawLanes(chart, u); drawNotes(chart, u); drawNames(order, u); }],
    },
  });

  const zoom = (key, min, max) => {
    views.set(key, { min, max });
    groups.get(key).forEach(({ u }) => u.setScale('x', { min, max }));
  };
  const whole = key => {
    views.delete(key);
    groups.get(key).forEach(({ u, chart }) => u.setScale('x', { min: chart.x.from, max: chart.x.to }));
  };

  /* Moves what is shown, or zooms about a place of it; never beyond what there is. */
  const shift = (key, what, at) => {
    const { u, chart } = groups.get(key)[0];
    const to = chart.x.log ? Math.log : v => v;
    const from = chart.x.log ? Math.exp : v => v;
    const [least, most] = [to(chart.x.from), to(chart.x.to)];
    const [a, b] = [to(u.scales.x.min), to(u.scales.x.max)];
    if (what === 'left' || what === 'right') {
      const step = Math.max(least - a, Math.min(most - b, (what === 'left' ? -1 : 1) * (b - a) / 8));
      return zoom(key, from(a + step), from(b + step));
    }
    const factor = what === 'in' ? 0.5 : 2;
    const middle = at === undefined ? (a + b) / 2 : to(at);
    const [low, high] = [Math.max(least, middle - (middle - a) * factor), Math.min(most, middle + (b - middle) * factor)];
    if (high - low > (most - least) / 1e4) zoom(key, from(low), from(high));
  };

  /* Arrows move the cursor, + and − zoom about it, Shift and an arrow moves the view, Escape shows everything. What the
     browser does with other keys held stays its own. */
  const keys = (u, key, spoken) => event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const width = u.over.clientWidth;
    const at = u.cursor.left >= 0 ? u.cursor.left : width / 2;
    const sides = { ArrowLeft: ['left', -1], ArrowRight: ['right', 1] };
    if (event.key in sides && event.shiftKey) {
      shift(key, sides[event.key][0]);
    } else if (event.key in sides) {
      const left = Math.min(width, Math.max(0, at + sides[event.key][1] * Math.max(1, width / 100)));
      u.setCursor({ left, top: u.over.clientHeight / 2 }, true, true);
      spoken.textContent = [...u.root.querySelectorAll('.u-series:not(.u-off)')].map(row => [...row.children].map(cell => cell.textContent).join(' ')).join(', ');
    } else if ('+=-_'.includes(event.key)) {
      shift(key, '+='.includes(event.key) ? 'in' : 'out', u.posToVal(at, 'x'));
    } else if (event.key === 'Escape' || event.key === '0') {
      whole(key);
    } else return;
    event.preventDefault();
  };

  /* Entries of the legend are buttons that hide and show their line, with a mark that looks as the line does. */
  const entries = u => [...u.root.querySelectorAll('.u-legend .u-series')].slice(1);
  const legendButtons = (u, order) => entries(u).forEach((row, i) => {
    const head = row.querySelector('th');
    const button = element('button');
    button.type = 'button';
    button.title = 'hide or show';
    button.setAttribute('aria-pressed', 'true');
    button.append(...head.childNodes);
    head.append(button);
    row.querySelector('.u-marker').style.height = isArea(order[i]) ? '.8em' : Math.max(2, order[i].width * 0.8) + 'px';
  });
  const paintMarks = (u, order) => entries(u).forEach((row, i) => {
    const color = (isArea(order[i]) ? faint : tone)(order[i].color);
    row.querySelector('.u-marker').style.background =
      isDashed(order[i]) ? `repeating-linear-gradient(90deg, ${color} 0 .45em, transparent .45em .7em)` : color;
  });

  const laneKey = chart => {
    const line = element('p', 'lanes');
    for (const layer of lanes(chart)) {
      const entry = element('span', '', layer.label);
      const mark = element('i', layer.spans ? 'span' : 'mark');
      mark.style.background = `var(${variable(layer.color)}, ${layer.color})`;
      entry.prepend(mark);
      line.append(entry);
    }
    for (const [spans, name, text] of [[chart.struck, 'struck', 'evictions'], [chart.shaded, 'shade', 'outside the measured time']]) {
      if (!spans.length) continue;
      const entry = element('span', '', text);
      entry.prepend(element('i', name));
      line.append(entry);
    }
    return line;
  };

  const build = (chart, figure) => {
    const key = figure.dataset.group;
    const box = element('div', 'live');
    const plot = element('div', 'canvas');
    plot.tabIndex = 0;
    plot.setAttribute('role', 'group');
    plot.setAttribute('aria-label', chart.title + '. Arrow keys move the cursor, plus and minus zoom, Escape shows everything.');
    box.append(element('p', 'title', chart.title), element('p', 'about', chart.about));
    const legend = laneKey(chart);
    if (legend.childElementCount) box.append(legend);
    const spoken = element('p', 'unseen');
    spoken.setAttribute('aria-live', 'polite');
    box.append(plot, spoken);
    figure.prepend(box);
    figure.classList.add('is-live');
    const { data, order } = aligned(chart);
    const u = new uPlot(options(chart, order, key, plot.clientWidth), data, plot);
    u.setScale('x', views.get(key) || { min: chart.x.from, max: chart.x.to });
    groups.set(key, [...(groups.get(key) || []), { u, chart, order }]);
    plot.addEventListener('keydown', keys(u, key, spoken));
    legendButtons(u, order);
    paintMarks(u, order);
    new ResizeObserver(() => {
      const width = plot.clientWidth;
      if (width > 0 && width !== u.width) u.setSize({ width, height: u.height });
    }).observe(plot);
  };

  /* A chart in a part that is folded has no width: it is made when the part is opened. */
  const reveal = () => figures.forEach(chart => {
    const figure = document.getElementById(chart.name);
    if (figure && figure.clientWidth > 0 && !figure.classList.contains('is-live')) build(chart, figure);
  });
  document.querySelectorAll('details').forEach(part => part.addEventListener('toggle', reveal));
  reveal();

  document.querySelectorAll('.hint').forEach(hint => {
    hint.hidden = false;
    const key = hint.dataset.group;
    hint.querySelectorAll('button').forEach(button => button.addEventListener('click', () => {
      if (groups.has(key)) button.value ? shift(key, button.value) : whole(key);
    }));
  });
  dark.addEventListener('change', () => groups.forEach(all => all.forEach(({ u, order }) => { u.redraw(false); paintMarks(u, order); })));
  const folded = [];
  addEventListener('beforeprint', () => document.querySelectorAll('details:not([open])').forEach(part => { part.open = true; folded.push(part); }));
  addEventListener('afterprint', () => folded.splice(0).forEach(part => { part.open = false; }));
})();
