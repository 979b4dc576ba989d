// Asks how far a request has come, as long as its page is open, and shows it; without it the page is read anew by hand.
const box = document.querySelector('[data-progress]')
const bar = box.querySelector('progress')
const words = box.querySelector('[data-words]')
const changed = box.querySelector('[data-changed]')
const PAUSE = 2000

const isWriting = () => [...document.querySelectorAll('textarea')].some(each => each.value !== '')

async function look() {
  try {
    const answer = await fetch(box.dataset.progress, { headers: { Accept: 'application/json' }, cache: 'no-store' })
    if (answer.ok) show(await answer.json())
  } catch {
    // The server is away for a moment: ask again.
  }
  setTimeout(look, PAUSE)
}

function show(progress) {
  if (bar) {
    bar.max = progress.total || 1
    bar.value = progress.done
    if (words.textContent !== progress.words) words.textContent = progress.words
  }
  if (progress.state === box.dataset.state) return
  if (isWriting()) changed.hidden = false
  else location.replace(location.pathname)
}

setTimeout(look, PAUSE)
