<?php

declare(strict_types=1);

namespace Desk;

/**
 * The client under test. Replace it with yours, which needs a base URL and an API key.
 *
 * A method throws an ApiException if the help desk rejects the request, and an UnknownOutcomeException if no valid
 * response arrives.
 */
class DeskClient
{
    public function __construct(private string $baseUrl, private string $apiKey, private int $timeoutSeconds = 10)
    {
    }

    /** Creates a ticket and returns its id. */
    public function createTicket(string $title): int
    {
        $ticket = [
            'brandID' => 1,
            'channelID' => 1,
            'direction' => 'inbound',
            'from' => 'ada@example.test',
            'to' => 'desk@example.test',
            'title' => $title,
        ];
        return $this->send('POST', '', $ticket)['ticketID'];
    }

    public function closeTicket(int $id): void
    {
        $this->send('PUT', "/$id", ['status' => 'closed']);
    }

    public function solveTickets(int ...$ids): void
    {
        $fields = ['status' => 'solved'];
        foreach ($ids as $index => $id) {
            $fields["ticketIDs[$index]"] = $id;
        }
        $this->send('POST', '/setStatus', $fields);
    }

    /**
     * Returns the titles of all tickets that are not archived, the newest first.
     *
     * @return list<string>
     */
    public function listTitles(): array
    {
        return array_column($this->send('GET')['items'], 'title');
    }

    /**
     * Sends a request and returns the decoded response.
     *
     * @param array<string, int|string> $fields
     * @return array<string, mixed>
     */
    protected function send(string $method, string $path = '', array $fields = []): array
    {
        $curl = curl_init("$this->baseUrl/api/v2/ticket$path");
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => ["apiKey: $this->apiKey"],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => $this->timeoutSeconds,
        ]);
        if ($fields !== []) {
            // The help desk documents multipart/form-data for POST, and application/x-www-form-urlencoded for PUT.
            // curl sends an array as the first, and a string as the second.
            curl_setopt($curl, CURLOPT_POSTFIELDS, $method === 'POST' ? $fields : http_build_query($fields));
        }
        $body = curl_exec($curl);
        if ($body === false) {
            throw new UnknownOutcomeException(curl_error($curl));
        }
        $response = json_decode($body, true);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($status >= 500 || !is_array($response)) {
            throw new UnknownOutcomeException("status $status: $body");
        }
        if ($status !== 200) {
            throw new ApiException($response['message'], $status);
        }
        return $response;
    }
}
