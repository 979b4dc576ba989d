() => {
  const parse = colour => colour.match(/[\d.]+/g).slice(0, 3).map(Number)
  const linear = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  const luminance = colour => parse(colour).reduce((sum, part, at) => sum + linear(part) * [0.2126, 0.7152, 0.0722][at], 0)
  const paper = luminance(getComputedStyle(document.body).backgroundColor)
  const contrast = colour => {
    const other = luminance(colour)
    return (Math.max(paper, other) + 0.05) / (Math.min(paper, other) + 0.05)
  }
  const lowest = (selector, paint) =>
    Math.min(...[...document.querySelectorAll(selector)].map(each => contrast(getComputedStyle(each)[paint])))
  const faint = ':not([fill="#dfe5e8"], [fill="#fdfdfb"])'
  return [
    lowest('.chart text', 'fill'),
    Math.min(lowest(`.mark-rect.role-mark path${faint}`, 'fill'), lowest('.mark-symbol path:not([fill])', 'stroke')),
  ]
}
