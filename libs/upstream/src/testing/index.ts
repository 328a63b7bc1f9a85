export { addImage } from './image-content.ts';
export type { TestImage } from './image-content.ts';
export { addSampleImage } from './sample-image.ts';
export type { SampleImage } from './sample-image.ts';
export { createScriptedUpstream } from './scripted-upstream.ts';
export type { ScriptedUpstream } from './scripted-upstream.ts';
