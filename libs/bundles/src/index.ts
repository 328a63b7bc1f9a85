export { exportBundle } from './export-bundle.ts';
export type { ExportOptions, ExportProgress } from './export-bundle.ts';
export { importBundle } from './import-bundle.ts';
export type { ImportOptions, ImportProgress, ImportResult, ImportedImage } from './import-bundle.ts';
