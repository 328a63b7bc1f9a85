// The page that draws one dashboard with Grafana's own components. `window.dashboard` is the dashboard, `window.answers` has
// the answers of Prometheus to its queries.
import { framesOf } from './frames.js';
import { createElement as h, createRoot, data } from './grafana.js';
import { panelBody } from './panel-body.js';

const theme = data.createTheme({ colors: { mode: 'dark' } });
const { dashboard, answers } = window;
const { from, to } = answers;
const timeRange = {
  from: data.dateTime(from),
  to: data.dateTime(to),
  raw: { from: data.dateTime(from), to: data.dateTime(to) },
};

const annotations = answers.annotations.map(({ colour, ...times }) => ({
  ...times,
  colour: theme.visualization.getColorByName(colour),
}));

const [width, columns, rowHeight, gap] = [1400, 24, 38, 8];
const columnWidth = width / columns;
const titleHeight = 30;

function placeOf({ x, y, w, h: rows }) {
  const place = {
    left: x * columnWidth,
    top: y * rowHeight,
    width: w * columnWidth - gap,
    height: rows * rowHeight - gap,
  };
  return { position: 'absolute', ...place };
}

function drawPanel(panel) {
  const place = placeOf(panel.gridPos);
  const { id, title } = panel;
  if (panel.type === 'row')
    return h('div', { key: id, style: { ...place, fontSize: 16, lineHeight: `${rowHeight}px` } }, title);
  const box = { background: theme.colors.background.primary, border: `1px solid ${theme.colors.border.weak}` };
  const heading = { padding: '6px 8px', fontSize: 14, fontWeight: 500, height: titleHeight, boxSizing: 'border-box' };
  const size = { width: place.width - 18, height: place.height - titleHeight - 12 };
  const frames = framesOf(panel, answers.panels[id] ?? [], theme);
  const body = panelBody({ panel, frames, theme, timeRange, annotations, ...size });
  return h(
    'div',
    { key: id, style: { ...place, ...box, borderRadius: 2 } },
    h('div', { style: heading }, title),
    h('div', { style: { padding: '0 8px', overflow: 'hidden', height: size.height } }, body),
  );
}

const labels = dashboard.templating.list
  .map(({ type, label }) => `${label}: ${type === 'datasource' ? 'Prometheus' : 'All'}`)
  .join('   ');
const height = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * rowHeight;
const page = h(
  'div',
  {
    style: {
      width: width + 8,
      padding: 8,
      background: theme.colors.background.canvas,
      color: theme.colors.text.primary,
      fontFamily: 'Inter, sans-serif',
    },
  },
  h(
    'div',
    { style: { fontSize: 18, padding: '4px 0 10px' } },
    dashboard.title,
    h(
      'span',
      { style: { fontSize: 12, color: theme.colors.text.secondary, paddingLeft: 16, whiteSpace: 'pre' } },
      labels,
    ),
  ),
  h('div', { style: { position: 'relative', height } }, dashboard.panels.map(drawPanel)),
);
createRoot(document.querySelector('#root')).render(h(data.ThemeContext.Provider, { value: theme }, page));
