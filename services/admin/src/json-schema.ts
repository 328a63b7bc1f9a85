// Short ways to write the JSON schemas of routes, of which the API's description is made. They hold what comes in to its shape;
// of what goes out they only tell it.

export type JsonSchema = Readonly<Record<string, unknown>>;

type Property = JsonSchema | { readonly schema: JsonSchema; readonly isOptional: true };

/** All properties are required, but those that are `optional`. */
export function object(properties: Readonly<Record<string, Property>>, description?: string): JsonSchema {
  const entries = Object.entries(properties);
  return {
    type: 'object',
    required: entries.filter(([, property]) => !isOptional(property)).map(([name]) => name),
    properties: Object.fromEntries(
      entries.map(([name, property]) => [name, isOptional(property) ? property.schema : property]),
    ),
    ...(description !== undefined && { description }),
  };
}

export function optional(schema: JsonSchema): Property {
  return { schema, isOptional: true };
}

function isOptional(property: Property): property is { readonly schema: JsonSchema; readonly isOptional: true } {
  return 'isOptional' in property;
}

export function list(items: JsonSchema, description?: string): JsonSchema {
  return { type: 'array', items, ...(description !== undefined && { description }) };
}

export function text(
  description?: string,
  limits: { readonly maxLength?: number; readonly enum?: readonly string[] } = {},
) {
  return { type: 'string', ...limits, ...(description !== undefined && { description }) };
}

export function flag(description?: string): JsonSchema {
  return { type: 'boolean', ...(description !== undefined && { description }) };
}

export function count(description?: string): JsonSchema {
  return { type: 'integer', minimum: 0, ...(description !== undefined && { description }) };
}

export function number(description?: string): JsonSchema {
  return { type: 'number', ...(description !== undefined && { description }) };
}

export function byteCount(description = 'Bytes.'): JsonSchema {
  return count(description);
}

export function time(description: string): JsonSchema {
  return { type: 'integer', description: `${description}, in milliseconds since 1970.` };
}

export function orNull(schema: JsonSchema): JsonSchema {
  return { ...schema, nullable: true };
}
