// The configuration of orval. The variable `document` is the name of the document.

const name = process.env.document;
const directory = process.env.work;

export default {
  api: {
    input: `${directory}/${name}.json`,
    output: {
      target: `${directory}/orval-${name}/orval/ticket.ts`,
      client: 'fetch',
      baseUrl: { getBaseUrlFromSpecification: true },
    },
  },
};
