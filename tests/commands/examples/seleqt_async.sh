curl -X POST "$LEADFALL/api/v1/public/lead-lists/123/enrichment/" \
  -H "X-API-Key: $SELEQT_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "enrichment_type": "FIND_EMAIL",
    "prospect_limit": 100,
    "mode": "async"
  }'
