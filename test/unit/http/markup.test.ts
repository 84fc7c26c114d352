import { Html, markup } from '../../../src/http/markup.js';

test('what is put in is text', () => {
  expect(markup`<p title="${'a"b'}">${"<b>&'"}</p>`.text).toBe('<p title="a&quot;b">&lt;b&gt;&amp;&#39;</p>');
});

test('numbers, markup and lists of it stand as they are', () => {
  expect(markup`${1}${new Html('<i>')}${[markup`<b>`, markup`</b>`]}`.text).toBe('1<i><b></b>');
  expect(markup`${[]}`.text).toBe('');
});
