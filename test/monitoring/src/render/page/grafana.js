// The imports of the page. install-grafana.ts installs the packages, and they are no dependencies of the project.
// @boundaries-ignore installed outside of the project
import * as data from '@grafana/data';
// @boundaries-ignore installed outside of the project
import { BarGauge, BigValue, TimeSeries } from '@grafana/ui';
// @boundaries-ignore installed outside of the project
import { createElement } from 'react';
// @boundaries-ignore installed outside of the project
import { createRoot } from 'react-dom/client';

export { BarGauge, BigValue, createElement, createRoot, data, TimeSeries };
