/**
 * Every place at which a test may end the process, in the order of a first start. Each is called before what it is named
 * after; docs/architecture.md says what is lost there and what the next start does. The product passes no function.
 */
export const stepNames = [
  'start/recover',
  'start/control',
  'start/sign',
  'authority/create',
  'authority/bundle',
  'removal/hold',
  'publish/write',
  'publish/read-back',
  'place/write',
  'place/read-back',
  'publish/status',
  'removal/delete',
  'removal/release',
  'authority/prepare',
  'authority/activate',
  'authority/status',
  'mint/intent',
  'mint/sign',
  'mint/result',
  'mint/use',
  'answer/live',
  'issue/intent',
  'issue/sign',
  'issue/result',
  'issue/reply',
  'answer/write',
  'answer/tell',
] as const;

export type StepName = (typeof stepNames)[number];

/** Awaited at each step of a flow, so that a process can be stopped between any two actions. */
export type Step = (name: StepName) => void | Promise<void>;
