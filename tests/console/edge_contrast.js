// Of edges that tell where to write and what is pressed, against what lies behind them; WCAG asks for 3.
() => {
  const parse = colour => colour.match(/[\d.]+/g).map(Number)
  const linear = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  const luminance = colour =>
    parse(colour).slice(0, 3).reduce((sum, part, at) => sum + linear(part) * [0.2126, 0.7152, 0.0722][at], 0)
  const behind = each => {
    const colour = getComputedStyle(each).backgroundColor
    return parse(colour)[3] === 0 ? behind(each.parentElement) : colour
  }
  const contrast = each => {
    const [one, other] = [getComputedStyle(each).borderTopColor, behind(each.parentElement)].map(luminance)
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
  }
  const edged = 'input:not([type=hidden]), select, textarea, button, .button, .badge'
  return Math.min(21, ...[...document.querySelectorAll(edged)].map(contrast))
}
