curl -X POST "$LEADFALL/v1/enrichment/enrich" \
  -H "Content-Type: application/json" \
  -H "X-Api-Key: $SENDKIT_KEY" \
  -H "Authorization: Bearer $SENDKIT_KEY" \
  -d '{
    "leadIds": [
      "507f1f77bcf86cd799439011",
      "507f1f77bcf86cd799439012"
    ],
    "enrichmentTypes": [
      "email",
      "phoneEnrichment",
      "segGateway"
    ]
  }'
