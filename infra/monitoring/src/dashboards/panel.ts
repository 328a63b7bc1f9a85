// The parts that all kinds of panels share, and the kinds without lines, in the JSON of Grafana. All panels get their colours and
// texts here, so that they are uniform.
import { bad, good, warning } from './colours.ts';

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

export interface Common {
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  readonly queries: readonly Query[];
}

export interface Override {
  readonly matcher: { readonly id: string; readonly options: unknown };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

/** The properties that differ between the kinds of panels. */
interface Look {
  readonly type: string;
  readonly defaults: object;
  readonly overrides?: readonly Override[];
  readonly options: object;
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

export function panelOf({ title, description, unit, queries }: Common, look: Look): Panel {
  const { type, defaults, overrides = [], options } = look;
  const fieldConfig = { defaults: { unit, ...defaults }, overrides };
  return { type, title, description, targets: targetsOf(queries), fieldConfig, options };
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

/** `text` is the text without a value. */
const withoutValue = (text: string) => ({
  noValue: text,
  mappings: [{ type: 'special', options: { match: 'null+nan', result: { text, color: 'text' } } }],
});

const byThresholds = (steps: Steps) => ({ color: { mode: 'thresholds' }, thresholds: thresholdsOf(steps) });

const lastValue = { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } };

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
export function figure({ steps, stepsOf = {}, without, decimals, hasArea = false, ...common }: Figure): Panel {
  const hasNames = common.queries.length > 1 || common.queries[0]?.legend.includes('{{') === true;
  return panelOf(common, {
    type: 'stat',
    defaults: { ...withoutValue(without), ...(decimals !== undefined && { decimals }), ...byThresholds(steps) },
    overrides: Object.entries(stepsOf).map(([name, own]) => ({
      matcher: { id: 'byName', options: name },
      properties: [{ id: 'thresholds', value: thresholdsOf(own) }],
    })),
    options: {
      colorMode: 'value',
      graphMode: hasArea ? 'area' : 'none',
      textMode: hasNames ? 'value_and_name' : 'value',
      justifyMode: 'center',
      orientation: 'auto',
      ...lastValue,
    },
  });
}

interface States extends Omit<Common, 'unit'> {
  /** The text and the colour of each value. */
  readonly states: readonly (readonly [value: number, text: string, colour: string])[];
}

/** Returns a panel with a row for each series, coloured by its state over time. */
export function states({ states: known, ...common }: States): Panel {
  const options = Object.fromEntries(
    known.map(([value, text, color], index) => [String(value), { text, color, index }]),
  );
  return panelOf(
    { ...common, unit: 'none' },
    {
      type: 'state-timeline',
      defaults: {
        noValue: 'none',
        ...byThresholds([[-Infinity, 'text']]),
        mappings: [{ type: 'value', options }],
        custom: { fillOpacity: 70, lineWidth: 0, insertNulls: false },
      },
      options: {
        showValue: 'auto',
        mergeValues: true,
        rowHeight: 0.8,
        alignValue: 'left',
        legend: { showLegend: false, displayMode: 'list', placement: 'bottom' },
        tooltip: { mode: 'single', sort: 'none' },
      },
    },
  );
}

interface Bars extends Common {
  readonly steps: Steps;
  readonly without: string;
  readonly max: number;
}

/** Returns a panel with a bar for each series, from 0 to `max`. */
export function bars({ steps, without, max, ...common }: Bars): Panel {
  return panelOf(common, {
    type: 'bargauge',
    defaults: { min: 0, max, ...withoutValue(without), ...byThresholds(steps) },
    options: {
      displayMode: 'basic',
      orientation: 'horizontal',
      showUnfilled: true,
      valueMode: 'color',
      namePlacement: 'top',
      ...lastValue,
    },
  });
}
