// The entry point of the console: opens the page that the address names, and renders it.
import { nothing, render } from './vendor/lit-html.js';
import { createHistory } from './create-history.js';
import { listenForEvents } from './live.js';
import { openResource } from './open-resource.js';
import { frame } from './parts/frame.js';
import { wellStrip } from './parts/well-strip.js';
import { pages } from './pages/pages.js';

/** @import { BudgetList, Me } from './api-types.d.ts' */
/** @import { Resource } from './open-resource.js' */
/** @import { Live, OpenPage, PageKind } from './page.d.ts' */

const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const history = createHistory();

/** @type {Live} */
const live = {
  connection: 'connecting',
  overview: undefined,
  overviewAt: undefined,
  unavailable: undefined,
  me: undefined,
  budget: undefined,
  fills: undefined,
  nodes: undefined,
  history,
};
const budgetEveryMs = 5000;
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
  render(wellStrip(live), place('well'));
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

/** @type {Resource<Me>} */
const me = openResource('/v1/me', { update: updateOwn });
/** @type {Resource<BudgetList>} */
const budget = openResource('/v1/budget', { update: updateOwn, everyMs: budgetEveryMs });

function updateOwn() {
  live.me = me.data;
  live.budget = budget.data;
  update();
}

listenForEvents({
  onConnection(state) {
    if (live.connection === state) return;
    // After a restart, the server may allow other things.
    if (live.connection === 'lost') void me.load();
    live.connection = state;
    update();
  },
  onEvent(name, data) {
    if (name === 'fills') live.fills = data.fills;
    if (name === 'nodes') live.nodes = data.nodes;
    if (name === 'unavailable' && data.event === 'overview') live.unavailable = data.message;
    if (name === 'overview') {
      live.overview = data;
      live.overviewAt = Date.now();
      live.unavailable = undefined;
      history.add(data);
    }
    update();
  },
});
addEventListener('hashchange', navigate);
navigate();
