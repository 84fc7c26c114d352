/**
 * markup - text that becomes part of a page
 *
 * markup`...` escapes whatever is put into it, unless that is Html itself or a list of it. So no path, name or reason
 * can be markup.
 */
export class Html {
  readonly text: string;

  /** Only for text that is markup already. */
  constructor(text: string) {
    this.text = text;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(value: Html | readonly Html[] | string | number): string {
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(({ text }) => text).join('');
  return String(value).replace(/[&<>"']/g, (one) => ENTITIES[one] ?? '');
}

export function markup(
  parts: TemplateStringsArray,
  ...values: readonly (Html | readonly Html[] | string | number)[]
): Html {
  return new Html(parts.map((part, i) => part + escaped(values[i] ?? '')).join(''));
}
