// Evaluation of JavaScript expressions in a module under test; runs inside Deno without permissions.
// It writes the records of evaluator.py on standard output, each line after MARK. The module shares the process
// and can forge each record; nothing in here knows what is expected.

const MARK = "\u001e";
const DEEPEST = 40, MOST_NODES = 20000;
const print = console.log.bind(console), stringify = JSON.stringify, isArray = Array.isArray;
const prototypeOf = Object.getPrototypeOf, entriesOf = Object.entries, inspect = Deno.inspect.bind(Deno);

function encode(value) {
  let nodes = 0;
  const walk = (each, depth) => {
    nodes += 1;
    if (depth > DEEPEST || nodes > MOST_NODES) throw new RangeError("large");
    if (each === null || each === undefined) return null;
    const type = typeof each;
    if (type === "boolean" || type === "string") return each;
    if (type === "bigint") return ["int", hex(each)];
    if (type === "number") return Number.isInteger(each) ? ["int", hex(BigInt(each))] : ["float", float(each)];
    if (type === "function" || type === "symbol") return ["name", `javascript.${String(each.name ?? "")}`];
    const next = (inner) => walk(inner, depth + 1);
    if (isArray(each)) return ["list", each.map(next)];
    if (ArrayBuffer.isView(each)) return ["list", Array.from(each, next)];
    if (each instanceof Map) return ["dict", [...each].map(([key, inner]) => [next(key), next(inner)])];
    if (each instanceof Set) return ["set", [...each].map(next)];
    if (each instanceof Date) return ["object", "javascript.Date", each.toJSON()];
    if (each instanceof Error) return ["object", `javascript.${each.name}`, String(each.message)];
    if (each instanceof RegExp) return ["object", "javascript.RegExp", String(each)];
    const fields = ["dict", entriesOf(each).map(([key, inner]) => [key, next(inner)])];
    const kind = prototypeOf(each);
    return kind === null || kind === Object.prototype ? fields : ["object", `javascript.${kind.constructor?.name}`, fields];
  };
  try {
    return walk(value, 0);
  } catch (error) {
    if (error instanceof RangeError) return ["large"];
    throw error;
  }
}

const hex = (number) => (number < 0n ? "-0x" + (-number).toString(16) : "0x" + number.toString(16));
const float = (number) => (Number.isNaN(number) ? "nan" : String(number).replace("Infinity", "inf"));

function describe(error) {
  const known = error instanceof Error;
  const types = known ? [`javascript.${error.name}`, "javascript.Error"] : ["javascript.thrown"];
  return { types, message: String(known ? error.message : inspect(error)).slice(0, 400) };
}

const write = (record) => print(MARK + stringify(record));

export async function evaluate(load, expressions) {
  let scope;
  globalThis.__scope = (given) => (scope = given);
  try {
    await load();
  } catch (error) {
    write({ record: "load", error: describe(error) });
    return;
  }
  write({ record: "load" });
  for (const [index, expression] of expressions.entries()) {
    try {
      write({ record: "value", index, value: encode(await scope(`(${expression}\n)`)) });
    } catch (error) {
      write({ record: "error", index, error: describe(error) });
    }
  }
  write({ record: "done" });
  Deno.exit(0);
}
