// An application's first file, which loads what is named and prints how many milliseconds that took.
const began = performance.now()
for (const name of process.argv.slice(2)) require(name)
console.log(performance.now() - began)
