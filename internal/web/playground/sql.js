// SQL for people to read: a line for each clause, and its words set apart.
const clauses = ["WITH", "SELECT", "FROM", "LEFT JOIN", "CROSS JOIN", "INNER JOIN", "JOIN", "WHERE", "GROUP BY", "HAVING", "WINDOW",
  "ORDER BY", "LIMIT", "UNION ALL", "UNION", "INSERT INTO", "VALUES", "ON CONFLICT", "UPDATE", "SET", "DELETE FROM", "RETURNING", "FOR UPDATE"];
const words = ["AND", "OR", "NOT", "IN", "IS", "NULL", "AS", "ON", "USING", "ASC", "DESC", "LATERAL", "EXISTS", "ANY", "BETWEEN",
  "LIKE", "ILIKE", "FILTER", "OVER", "PARTITION BY", "DISTINCT", "CASE", "WHEN", "THEN", "ELSE", "END", "TRUE", "FALSE", "BEGIN",
  "COMMIT", "ROLLBACK", "DO NOTHING", "DO UPDATE"];

const longestFirst = [...clauses, ...words].sort((a, b) => b.length - a.length);
// Quoted texts and names come first: what looks like a keyword in them is none.
const token = new RegExp(`'(?:[^']|'')*'|"[^"]*"|[()]|\\b(?:${longestFirst.join("|").replaceAll(" ", "\\s+")})\\b|[^'"()\\s]+|\\s+`, "g");

// layOut cuts SQL into pieces { text, keyword }, with a line break before each clause of a query, and of one within it.
export function layOut(sql) {
  const pieces = [];
  const queries = [true]; // for each open parenthesis: whether it holds a query of its own
  for (const [text] of sql.matchAll(token)) {
    const word = text.replace(/\s+/g, " ");
    const keyword = longestFirst.includes(word);
    if (word === "SELECT" && !queries.at(-1)) queries[queries.length - 1] = true;
    if (keyword && clauses.includes(word) && queries.at(-1) && pieces.length) {
      if (!pieces.at(-1).text.trim()) pieces.pop();
      pieces.push({ text: `\n${"  ".repeat(queries.filter(Boolean).length - 1)}` });
    }
    if (text === "(") queries.push(false);
    if (text === ")" && queries.length > 1) queries.pop();
    pieces.push({ text, keyword });
  }
  return pieces;
}
