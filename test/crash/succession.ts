import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { stepNames } from '#step.ts';
import type { Death } from '../support/replica-process.ts';
import type { Dice } from './dice.ts';
import type { Fall, Scene } from './scene.ts';

/** Deaths of one or two replicas, again and again, as the dice fall. */
export interface Succession {
  readonly chance: Dice;
  /** False: no further round. */
  readonly goesOn: (rounds: number) => boolean;
  /** Replicas that live, and die, side by side. */
  readonly ordinals: (chance: Dice) => readonly number[];
  /** Longest life, in ms. */
  readonly lifeMs: number;
  /** What has happened in a round. */
  readonly note: (what: string) => void;
}

/** Until it ends well: with both replicas alive, and everything answered. */
export async function succession(scene: Scene, options: Succession): Promise<void> {
  const { chance, goesOn, ordinals, lifeMs, note } = options;
  for (let rounds = 0; goesOn(rounds); rounds += 1) {
    await scene.ask(chance.between(1, 6));
    const falls = await Promise.all(ordinals(chance).map((ordinal) => fall(scene, ordinal, chance, lifeMs)));
    const fallen = falls.filter((one) => one !== undefined);
    const told = fallen.map(({ ordinal, death }) => `${ordinal} at ${death.step} × ${death.count}`);
    note(told.join(' and ') || 'at any time');
    expect(await scene.judge({ fallen })).toEqual([]);
  }
  const survivors = new Map(
    await Promise.all([0, 1].map(async (ordinal) => [ordinal, await scene.start(ordinal)] as const)),
  );
  await scene.settled();
  expect(await scene.judge({ survivors })).toEqual([]);
}

/** A replica that dies at a step, or at any moment; where the step is not reached in time it dies all the same. */
async function fall(scene: Scene, ordinal: number, chance: Dice, lifeMs: number): Promise<Fall | undefined> {
  const death: Death = { step: chance.oneOf(stepNames), count: chance.between(1, 4) };
  const atAStep = chance.between(1, 4) > 1;
  const life = chance.between(0, atAStep ? lifeMs : lifeMs / 3);
  const replica = await scene.start(ordinal, atAStep ? death : undefined);
  const ended = await Promise.race([replica.gone, sleep(life)]);
  await replica.kill();
  if (ended === undefined) return undefined;
  if (atAStep && ended.signal === 'SIGKILL') return { ordinal, death };
  throw new Error(`replica ${ordinal} ended by itself: ${JSON.stringify(ended)}`);
}
