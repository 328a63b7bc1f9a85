// The kinds of panels, in the JSON of Grafana. All panels get their colours, legends and axes here, so that they are uniform.
import { bad, colours, good, warning } from './colours.ts';

interface Query {
  readonly expr: string;
  /** The name of each series, with its labels as `{{label}}`. */
  readonly legend: string;
  /** Only the value at the end of the time range. Default: the whole range. */
  readonly instant?: boolean;
}

/** A panel without its place. `type` is Grafana's name of the kind. */
export interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly targets: readonly object[];
  readonly fieldConfig: object;
  readonly options: object;
}

interface Common {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly queries: readonly Query[];
}

interface Override {
  readonly matcher: { readonly id: string; readonly options: unknown };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

export const datasource = { type: 'prometheus', uid: '${datasource}' } as const;

function targetsOf(queries: readonly Query[]): object[] {
  return queries.map(({ expr, legend, instant = false }, index) => ({
    refId: String.fromCodePoint(65 + index),
    datasource,
    expr,
    legendFormat: legend,
    ...(instant ? { instant, range: false } : { range: true }),
  }));
}

const byName = (name: string, ...properties: Override['properties']): Override => ({
  matcher: { id: 'byName', options: name },
  properties,
});
const byPattern = (pattern: string, ...properties: Override['properties']): Override => ({
  matcher: { id: 'byRegexp', options: pattern },
  properties,
});
const fixed = (colour: string) => ({ id: 'color', value: { mode: 'fixed', fixedColor: colour } });

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
const nodeOverrides = ['frontend', 'worker', 'admin', 'cistern'].map((role) =>
  byPattern(`/^\\S*${role}/`, { id: 'color', value: { mode: 'shades', fixedColor: colours[role] ?? 'blue' } }),
);

interface Lines extends Common {
  /** Whether the names of series begin with the scrape job of a node. */
  readonly isByNode?: boolean;
  /** Words of `colours` that are names of series. */
  readonly words?: readonly string[];
  /** Patterns of names whose series are drawn on an axis at the right, which has this label. */
  readonly right?: { readonly label: string; readonly series: string; readonly unit?: string };
  /** Patterns of names of series that are limits: dashed, without an area. */
  readonly limits?: string;
  readonly isStacked?: boolean;
  /** The axis reaches at least to this value. Default: a small value for the unit. */
  readonly softMax?: number;
}

/** Returns a panel of lines over time. The legend has the last value and the maximum of each series. */
export function lines({ title, description, unit, queries, ...look }: Lines): Panel {
  const { words = [], right, limits, isStacked = false, isByNode = false, softMax = softMaxima[unit] } = look;
  const overrides = [
    ...wordOverrides(words),
    ...(isByNode ? nodeOverrides : []),
    ...(limits === undefined
      ? []
      : [
          byPattern(
            limits,
            { id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 6] } },
            { id: 'custom.fillOpacity', value: 0 },
            { id: 'custom.stacking', value: { mode: 'none', group: 'limits' } },
          ),
        ]),
    ...(right === undefined
      ? []
      : [
          byPattern(
            right.series,
            { id: 'custom.axisPlacement', value: 'right' },
            { id: 'custom.axisLabel', value: right.label },
            { id: 'custom.stacking', value: { mode: 'none', group: 'right' } },
            { id: 'custom.fillOpacity', value: 0 },
            { id: 'custom.lineWidth', value: 2 },
            ...(right.unit === undefined ? [] : [{ id: 'unit', value: right.unit }]),
          ),
        ]),
    hideZeros,
  ];
  return {
    type: 'timeseries',
    title,
    description,
    targets: targetsOf(queries),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(unit === 'none' && { decimals: 0 }),
        color: { mode: 'palette-classic' },
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
      overrides,
    },
    options: {
      legend: { showLegend: true, displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc', hideZeros: true },
    },
  };
}

/** From which value on a figure has a colour. */
export type Steps = readonly (readonly [from: number, colour: string])[];

export const zeroIsGood: Steps = [
  [-Infinity, good],
  [1, bad],
];
export const zeroOrWarning: Steps = [
  [-Infinity, good],
  [1, warning],
];

const thresholdsOf = (steps: Steps) => ({
  mode: 'absolute',
  // In JSON the first step has no value.
  steps: steps.map(([from, color]) => ({ color, value: from === -Infinity ? null : from })),
});

interface Figure extends Common {
  readonly steps: Steps;
  /** Other steps for the series with a name. */
  readonly stepsOf?: Readonly<Record<string, Steps>>;
  /** The text without a value. */
  readonly without: string;
  readonly decimals?: number;
  readonly hasArea?: boolean;
}

/** Returns a panel with one figure for each series. */
export function figure({ title, description, unit, queries, steps, stepsOf = {}, ...look }: Figure): Panel {
  return {
    type: 'stat',
    title,
    description,
    targets: targetsOf(queries),
    fieldConfig: {
      defaults: {
        unit,
        noValue: look.without,
        mappings: [{ type: 'special', options: { match: 'null+nan', result: { text: look.without, color: 'text' } } }],
        ...(look.decimals !== undefined && { decimals: look.decimals }),
        color: { mode: 'thresholds' },
        thresholds: thresholdsOf(steps),
      },
      overrides: Object.entries(stepsOf).map(([name, own]) =>
        byName(name, { id: 'thresholds', value: thresholdsOf(own) }),
      ),
    },
    options: {
      colorMode: 'value',
      graphMode: look.hasArea === true ? 'area' : 'none',
      textMode: queries.length > 1 || queries[0]?.legend.includes('{{') === true ? 'value_and_name' : 'value',
      justifyMode: 'center',
      orientation: 'auto',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
  };
}

interface States extends Omit<Common, 'unit'> {
  /** The text and the colour of each value. */
  readonly states: readonly (readonly [value: number, text: string, colour: string])[];
}

/** Returns a panel with a row for each series, coloured by its state over time. */
export function states({ title, description, queries, states: known }: States): Panel {
  const options = Object.fromEntries(
    known.map(([value, text, color], index) => [String(value), { text, color, index }]),
  );
  return {
    type: 'state-timeline',
    title,
    description,
    targets: targetsOf(queries),
    fieldConfig: {
      defaults: {
        unit: 'none',
        noValue: 'none',
        color: { mode: 'thresholds' },
        thresholds: thresholdsOf([[-Infinity, 'text']]),
        mappings: [{ type: 'value', options }],
        custom: { fillOpacity: 70, lineWidth: 0, insertNulls: false },
      },
      overrides: [],
    },
    options: {
      showValue: 'auto',
      mergeValues: true,
      rowHeight: 0.8,
      alignValue: 'left',
      legend: { showLegend: false, displayMode: 'list', placement: 'bottom' },
      tooltip: { mode: 'single', sort: 'none' },
    },
  };
}

interface Bars extends Common {
  readonly steps: Steps;
  readonly without: string;
  readonly max: number;
}

/** Returns a panel with a bar for each series, from 0 to `max`. */
export function bars({ title, description, unit, queries, steps, without, max }: Bars): Panel {
  return {
    type: 'bargauge',
    title,
    description,
    targets: targetsOf(queries),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        max,
        noValue: without,
        mappings: [{ type: 'special', options: { match: 'null+nan', result: { text: without, color: 'text' } } }],
        color: { mode: 'thresholds' },
        thresholds: thresholdsOf(steps),
      },
      overrides: [],
    },
    options: {
      displayMode: 'basic',
      orientation: 'horizontal',
      showUnfilled: true,
      valueMode: 'color',
      namePlacement: 'top',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
  };
}
