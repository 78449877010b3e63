import { z } from 'zod';

/** RFC 3339, whole seconds, as Kubernetes writes metav1.Time. */
export const timeField = z.string().max(64).meta({ format: 'date-time' });

/** metav1.Condition with its own limits (k8s.io/apimachinery pkg/apis/meta/v1); reasons come from the error table. */
const conditionSchema = z.object({
  type: z.string().max(316).describe('What the condition is about, such as Ready.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: z.int().min(0).optional().describe('metadata.generation that this was seen at.'),
  lastTransitionTime: timeField.describe('When the status last changed.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .describe('Why, in one CamelCase word; docs/errors.md lists them.'),
  message: z.string().max(32768).describe('Why, for a human, and what to do.'),
});

export const conditionsField = z
  .array(conditionSchema)
  .max(16)
  .optional()
  .describe('Where this object stands.')
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });
