// Enriches two leads over SendKit's API and prints the answer.
const { LEADFALL, SENDKIT_KEY } = process.env;

const response = await fetch(`${LEADFALL}/v1/enrichment/enrich`, {
  method: "POST",
  headers: {
    "Content-Type": "application/json",
    "X-Api-Key": SENDKIT_KEY,
    "Authorization": `Bearer ${SENDKIT_KEY}`,
  },
  body: JSON.stringify({
    leadIds: ["507f1f77bcf86cd799439011", "507f1f77bcf86cd799439012"],
    enrichmentTypes: ["email", "phoneEnrichment", "segGateway"],
  }),
});
const data = await response.json();
console.log(JSON.stringify(data));
