<?php

declare(strict_types=1);

namespace Desk\Tests;

use PHPUnit\Framework\Assert;

/** A new account. Its tickets, ids, keys, clock, faults and journal are invisible to other tests. */
final class Account
{
    public readonly string $baseUrl;
    public readonly string $apiKey;
    private readonly string $url;

    public function __construct()
    {
        $controlUrl = getenv('OMNIDESK_CONTROL_URL');
        Assert::assertNotFalse($controlUrl, 'OMNIDESK_CONTROL_URL is not set. Run: omnidesk-mock run -- phpunit');
        // A strict account rejects each request that the help desk does not document, such as one with a
        // misspelled field or with a JSON body. Without `strict`, the journal only has a warning about it.
        $account = self::send('POST', "$controlUrl/accounts", ['strict' => true]);
        $this->url = "$controlUrl/accounts/{$account['account']}";
        $this->baseUrl = $account['base_url'];
        $this->apiKey = $account['api_key'];
    }

    /**
     * Sends a request to the control API of this account. The test fails if the server rejects it.
     *
     * @param array<string, mixed>|null $body
     * @return array<string, mixed>|null
     */
    public function control(string $method, string $path, ?array $body = null): ?array
    {
        return self::send($method, $this->url . $path, $body);
    }

    public function remove(): void
    {
        self::send('DELETE', $this->url);
    }

    private static function send(string $method, string $url, ?array $body = null): ?array
    {
        $headers = ['Content-Type: application/json'];
        $token = getenv('OMNIDESK_CONTROL_TOKEN');
        if ($token) {
            $headers[] = "Authorization: Bearer $token";
        }
        $curl = curl_init($url);
        curl_setopt_array($curl, [
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_RETURNTRANSFER => true,
        ]);
        if ($body !== null) {
            curl_setopt($curl, CURLOPT_POSTFIELDS, json_encode($body, JSON_THROW_ON_ERROR));
        }
        $text = curl_exec($curl);
        Assert::assertNotFalse($text, "$method $url: " . curl_error($curl));
        $response = json_decode($text, true);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        // A problem has a title and a detail.
        $explanation = isset($response['detail']) ? "{$response['title']}\n{$response['detail']}" : $text;
        Assert::assertLessThan(300, $status, "$method $url: $explanation");
        return $response;
    }
}
