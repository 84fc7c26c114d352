/** counted - how many, with the noun in the right number: 0 rows, 1 row, 2 rows */

/** `many`: the plural, when it is not one more s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
