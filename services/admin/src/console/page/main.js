// The entry point of the console: opens the page that the address names, and renders it.
import { nothing, render } from './vendor/lit-html.js';
import { createHistory } from './create-history.js';
import { listenForEvents } from './live.js';
import { frame } from './parts/frame.js';
import { pages } from './pages/pages.js';

/** @import { Live, OpenPage, PageKind } from './page.d.ts' */

const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const history = createHistory();

/** @type {Live} */
const live = { connection: 'connecting', overview: undefined, fills: undefined, nodes: undefined, history };
let isMenuOpen = false;
/** @type {{ readonly kind: PageKind, readonly page: OpenPage } | undefined} */
let current;
let isDrawing = false;

/** Schedules one render before the next frame, for all changes until then. */
function update() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    draw();
  });
}

function draw() {
  const toggleMenu = () => {
    isMenuOpen = !isMenuOpen;
    draw();
  };
  render(frame({ pages, current: current?.kind, live, isMenuOpen, toggleMenu }), place('frame'));
  if (current !== undefined) render(current.page.view(), place('content'));
}

function navigate() {
  const [, name = '', ...rest] = location.hash.split('/');
  const kind = pages.find(({ path }) => path === name) ?? pages[0];
  if (kind === undefined) return;
  const isFirst = current === undefined;
  current?.page.close?.();
  isMenuOpen = false;
  // Clears the place, so that lit does not reuse elements of the previous page.
  render(nothing, place('content'));
  current = { kind, page: kind.open({ live, argument: decodeURIComponent(rest.join('/')), update }) };
  document.title = `${kind.title} · Cistern`;
  draw();
  scrollTo(0, 0);
  // After a change of the page, screen readers continue here. On the first page, the browser starts at the top instead.
  if (!isFirst) place('content').focus({ preventScroll: true });
}

listenForEvents({
  onConnection(state) {
    if (live.connection === state) return;
    live.connection = state;
    update();
  },
  onEvent(name, data) {
    if (name === 'fills') live.fills = data.fills;
    if (name === 'nodes') live.nodes = data.nodes;
    if (name === 'overview') {
      live.overview = data;
      history.add(data);
    }
    update();
  },
});
addEventListener('hashchange', navigate);
navigate();
