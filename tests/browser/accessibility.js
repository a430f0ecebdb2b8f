// Rules of WCAG 2.2 AA that a program can decide, on a page without script. Gives what breaks them.
() => {
  const found = [];
  const say = (rule, element) => found.push(`${rule}: ${(element.textContent || element.tagName).trim().slice(0, 60)}`);
  const shown = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== 'hidden';

  // 1.1.1, 4.1.2: every figure and link has a name.
  for (const svg of document.querySelectorAll('svg')) {
    const ids = (svg.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean);
    const named = ids.length > 0 && ids.every((id) => (document.getElementById(id) || {}).textContent);
    if (svg.getAttribute('role') !== 'img' || !named) say('figure without a name', svg);
  }
  for (const link of document.querySelectorAll('a')) if (!link.textContent.trim()) say('link without a name', link);

  // 1.3.1: tables have a caption and say what their headings are of; headings skip no level; one main.
  for (const table of document.querySelectorAll('table')) {
    if (!table.querySelector('caption')) say('table without a caption', table);
    for (const th of table.querySelectorAll('th')) if (!th.scope) say('heading of a table without scope', th);
  }
  let level = 0;
  for (const heading of document.querySelectorAll('h1, h2, h3, h4, h5, h6')) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) say('heading that skips a level', heading);
    level = own;
  }
  if (document.querySelectorAll('main').length !== 1) say('not one main', document.body);
  if (document.querySelectorAll('h1').length !== 1) say('not one first heading', document.body);

  // 2.4.2, 3.1.1: a title and a language; ids are unique.
  if (!document.title.trim()) say('no title', document.body);
  if (!['nl', 'en'].includes(document.documentElement.lang)) say('no language', document.body);
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) found.push(`id twice: ${id}`);

  // 2.5.8: what stands by itself can be hit. Links in a sentence are exempt.
  for (const link of document.querySelectorAll('nav a')) {
    if (shown(link) && link.getBoundingClientRect().height < 24) say('target under 24 pixels', link);
  }

  // 1.4.3: text against the ground behind it.
  const parse = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !shown(e) || ['title', 'desc'].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const ink = parse(e.closest('svg') ? style.fill : style.color).slice(0, 3);
    const [high, low] = [light(ink), light(ground(e))].sort((a, b) => b - a);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, e);
  }
  return found;
}
