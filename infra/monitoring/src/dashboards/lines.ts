// Panels of lines over time. All get their colours, legends and axes here, so that they are uniform.
import { colours } from './colours.ts';
import { type Common, type Override, type Panel, panelOf } from './panel.ts';

type Properties = Override['properties'];

const byPattern = (pattern: string, ...properties: Properties): Override => ({
  matcher: { id: 'byRegexp', options: pattern },
  properties,
});
const fixed = (colour: string) => ({ id: 'color', value: { mode: 'fixed', fixedColor: colour } });
const shadesOf = (colour: string) => ({ mode: 'shades', fixedColor: colour });

/** The names of series have the case of the labels, as in `X-Cache`. The legend has the words of operators. */
function wordOverrides(words: readonly string[]): Override[] {
  return words.map((word) =>
    byPattern(`/^${word}$/i`, fixed(colours[word] ?? 'text'), { id: 'displayName', value: word }),
  );
}

/** A series that is zero in the whole range has a line, but no entry in the legend and the tooltip. */
const hideZeros: Override = {
  matcher: { id: 'byValue', options: { reducer: 'allIsZero', op: 'gte', value: 0 } },
  properties: [{ id: 'custom.hideFrom', value: { legend: true, tooltip: true, viz: false } }],
};

/** Without values, the axis would reach to 100. */
const softMaxima: Readonly<Record<string, number>> = {
  reqps: 0.1,
  ops: 0.1,
  Bps: 1000,
  bytes: 1000,
  s: 0.01,
  short: 1,
  none: 1,
};

/** Nodes have shades of the colour of their role, if the scrape jobs have the names of the roles. */
const nodeShades = Object.fromEntries(
  ['frontend', 'worker', 'admin', 'cistern'].map((role) => [`/^\\S*${role}/`, colours[role] ?? 'blue']),
);

interface RightAxis {
  readonly label: string;
  /** The pattern of the names of series on this axis. */
  readonly series: string;
  readonly unit?: string;
  /** The colour whose shades the series have. Default: that of the panel. */
  readonly shade?: string;
}

interface Lines extends Common {
  /** The text without any series. */
  readonly without?: string;
  /** Whether the names of series begin with the scrape job of a node. */
  readonly isByNode?: boolean;
  /** Words of `colours` that are values of labels. A legend without labels is such a word by itself. */
  readonly words?: readonly string[];
  /** The colour whose shades the series without a word have. Default: blue, which has no meaning. */
  readonly shade?: string;
  /** Other colours, by the pattern of the names of series. */
  readonly shades?: Readonly<Record<string, string>>;
  readonly right?: RightAxis;
  /** The pattern of names of series that are limits: dashed, without an area. */
  readonly limits?: string;
  /** The pattern of names of series with a dotted line, without an area. */
  readonly dotted?: string;
  readonly isStacked?: boolean;
  /** The axis reaches at least to this value. Default: a small value for the unit. */
  readonly softMax?: number;
}

/** Returns a panel of lines over time. The legend has the last value and the maximum of each series. */
export function lines({ title, description, unit, queries, ...look }: Lines): Panel {
  const { words = [], shade = 'blue', shades = {}, right, limits, isStacked = false, isByNode = false } = look;
  const { softMax = softMaxima[unit], without, dotted } = look;
  const legends = queries.map(({ legend }) => legend).filter((legend) => legend in colours);
  return panelOf(
    { title, description, unit, queries },
    {
      type: 'timeseries',
      defaults: {
        min: 0,
        ...(unit === 'none' && { decimals: 0 }),
        ...(without !== undefined && { noValue: without }),
        color: shadesOf(shade),
        custom: {
          drawStyle: 'line',
          // Without lines, a series of zeros does not colour the top of a stack.
          lineWidth: isStacked ? 0 : 1,
          fillOpacity: isStacked ? 60 : 8,
          showPoints: 'never',
          spanNulls: false,
          axisPlacement: 'auto',
          ...(softMax !== undefined && { axisSoftMax: softMax }),
          stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
        },
      },
      overrides: [
        ...(limits === undefined ? [] : [byPattern(limits, ...limitLook)]),
        ...(dotted === undefined ? [] : [byPattern(dotted, ...dottedLook)]),
        ...(right === undefined ? [] : [byPattern(right.series, ...rightLook(right))]),
        ...Object.entries({ ...(isByNode && nodeShades), ...shades }).map(([pattern, colour]) =>
          byPattern(pattern, { id: 'color', value: shadesOf(colour) }),
        ),
        ...wordOverrides([...words, ...legends]),
        hideZeros,
      ],
      options: {
        legend: { showLegend: true, displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
        tooltip: { mode: 'multi', sort: 'desc', hideZeros: true },
      },
    },
  );
}

const limitLook: Properties = [
  { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } },
  { id: 'custom.fillOpacity', value: 0 },
  { id: 'custom.stacking', value: { mode: 'none', group: 'limits' } },
];

const dottedLook: Properties = [
  { id: 'custom.lineStyle', value: { fill: 'dot', dash: [2, 4] } },
  { id: 'custom.fillOpacity', value: 0 },
];

function rightLook({ label, unit, shade }: RightAxis): Properties {
  return [
    { id: 'custom.axisPlacement', value: 'right' },
    { id: 'custom.axisLabel', value: label },
    { id: 'custom.stacking', value: { mode: 'none', group: 'right' } },
    { id: 'custom.fillOpacity', value: 0 },
    { id: 'custom.lineWidth', value: 2 },
    ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
    ...(shade === undefined ? [] : [{ id: 'color', value: shadesOf(shade) }]),
  ];
}
