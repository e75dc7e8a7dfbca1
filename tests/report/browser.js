/* What is wrong with the pages in the frames, as a browser lays them out; where nothing is, the list is empty. */
addEventListener('load', () => setTimeout(() => {
  const found = [];
  for (const frame of document.querySelectorAll('iframe')) {
    const { contentDocument: page, contentWindow: view } = frame;
    const width = view.innerWidth;
    const say = text => found.push(`${frame.title} at ${width}: ${text}`);
    const words = element => `${element.tagName} "${element.textContent.trim().slice(0, 40)}"`;
    const isShown = element => element.checkVisibility() && element.getClientRects().length > 0;
    view.problems.forEach(problem => say(problem));
    if (view.matchMedia('(prefers-color-scheme: dark)').matches !== WANTS_DARK) say('the color scheme is another');

    if (page.documentElement.scrollWidth > width) say(`is ${page.documentElement.scrollWidth} wide`);
    const scrolls = '.scroll, .plot, pre, .canvas, .unseen';
    for (const element of page.querySelectorAll('main *')) {
      if (element.closest(scrolls)?.matches(scrolls) && !element.matches(scrolls) || !isShown(element)) continue;
      const { left, right } = element.getBoundingClientRect();
      if (left < -1 || right > width + 1) say(`${words(element)} passes the border: ${left} to ${right}`);
    }

    /* Words of a picture do not cover each other; nor do the parts of the page's head. */
    const apart = elements => elements.forEach((one, i) => elements.slice(i + 1).forEach(other => {
      const [a, b] = [one.getBoundingClientRect(), other.getBoundingClientRect()];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1.5 && down > 0.25 * Math.min(a.height, b.height)) say(`${words(one)} and ${words(other)} overlap`);
    }));
    page.querySelectorAll('svg').forEach(svg => isShown(svg) && apart([...svg.querySelectorAll('text')]));
    apart([...page.querySelectorAll('h1, .verdict, .figures div, .manner, #answer figure')].filter(isShown));

    /* The answer is on the first screen. */
    const plot = [...page.querySelectorAll('#answer canvas, #answer svg')].find(isShown);
    if (!plot) { say('has no chart that tells'); continue; }
    const { top, height } = plot.getBoundingClientRect();
    if (top + height * 2 / 3 > frame.clientHeight) say(`the chart that tells is at ${top}`);
    const figures = page.querySelectorAll('.figures dd').length;
    if (figures < 3 || figures > 5) say(`has ${figures} numbers`);
  }
  const result = document.createElement('p');
  result.id = 'found';
  result.textContent = JSON.stringify(found);
  document.body.append(result);
}, 200));
